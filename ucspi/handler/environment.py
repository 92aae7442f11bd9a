"""The environment of the process, made exactly that of its connection; and which descriptors that has."""

import os

from ucspi.unix.environ import inherited, value_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SERVER = (0, 1)  # where a server puts the connection
CLIENT = (6, 7)  # where a client tool puts it


def undo_interpreter() -> None:
    """Remove what CPython has put into the environment: LC_CTYPE, if it was started without a locale."""
    if b"LC_CTYPE" in os.environb and value_of(inherited(), b"LC_CTYPE") is None:
        del os.environb[b"LC_CTYPE"]


def descriptors(environ: "Mapping[str, str]") -> tuple[int, int]:
    """Return where the connection is that the variables tell of: 0 and 1, or 6 and 7.

    It is 6 and 7 only where these are the sockets of that very connection and
    0 is not: a server may have inherited any descriptor 6, and descriptor 0 of a
    handler may be a pipe of ``recordio``.
    """
    if all(_is_told(number, environ) for number in CLIENT) and not _is_told(SERVER[0], environ):
        return CLIENT
    return SERVER


def _is_told(number: int, environ: "Mapping[str, str]") -> bool:
    """Return whether a descriptor is a socket whose own end is that of the variables.

    Our end is compared, because after a reset the kernel does not tell the other.
    """
    import _socket
    from stat import S_ISSOCK

    protocol = environ.get("PROTO", "")
    try:
        if not S_ISSOCK(os.fstat(number).st_mode):
            return False
        sock = _socket.socket(fileno=number)
        try:
            family, place = sock.family, sock.getsockname()
        finally:
            sock.detach()  # else it would close the descriptor
        if family == _socket.AF_UNIX:
            from ucspi.unix.unixdomain import credentials

            return environ.get(f"{protocol}REMOTEPID") == str(credentials(number)[0])
        if family not in (_socket.AF_INET, _socket.AF_INET6):
            return False  # a name of another form
        told = environ.get(f"{protocol}LOCALIP", ""), environ.get(f"{protocol}LOCALPORT")
        return (_packed(told[0]), told[1]) == (_packed(place[0]), str(place[1]))
    except (OSError, ValueError):  # not open, of another family, or no address
        return False


def _packed(ip: str) -> bytes:
    """Return the bytes of an address without its interface, those of IPv4 if it is in IPv6 form."""
    import _socket

    if ":" not in ip:
        return _socket.inet_pton(_socket.AF_INET, ip)
    packed = _socket.inet_pton(_socket.AF_INET6, ip.partition("%")[0])
    return packed.removeprefix(b"\0" * 10 + b"\xff\xff")
