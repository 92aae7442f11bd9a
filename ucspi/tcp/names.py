"""Host names: reverse look-ups, checked forward where asked.

These functions block; threads of a helper call them (`ucspi.tcp.resolver`).  A name is what a client
or its name server says, so it is lower-cased and cleaned before anyone uses it.
"""

import _socket

TRY_AGAIN, INTERNAL = 2, -1  # of h_errno: nobody answers; the C library's own trouble.  Source: netdb.h
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_.")


def clean(name: bytes) -> bytes:
    r"""Return a name in lower case, bytes outside ``a-z0-9-_.`` as ``\ooo``."""
    lowered = name.lower()
    if _PLAIN.issuperset(lowered):
        return lowered
    return b"".join(b"%c" % byte if byte in _PLAIN else b"\\%03o" % byte for byte in lowered)


def find(ip: bytes) -> bytes | None:
    """Return the host name of an address, empty when it has none, None when nobody answers.

    This is what ``getnameinfo`` does, which held every thread up until CPython 3.11.4.
    """
    try:
        host = _socket.gethostbyaddr(ip)[0]  # type: ignore[arg-type]  # a text would go through a codec
    except _socket.herror as error:
        if error.errno == INTERNAL:
            return _find_with_room(ip)
        return None if error.errno == TRY_AGAIN else b""
    except OSError:
        return None
    return clean(host.encode("utf-8", "surrogateescape"))


def _find_with_room(ip: bytes) -> bytes | None:
    """Find a name that has more aliases in ``/etc/hosts`` than CPython has room for."""
    try:
        host, _ = _socket.getnameinfo((ip.decode(), 0), _socket.NI_NAMEREQD)
    except OSError as error:
        return b"" if error.errno == _socket.EAI_NONAME else None
    return clean(host.encode("utf-8", "surrogateescape"))


def reverse(ip: bytes) -> bytes | None:
    """Return the host name of an address, None when it has none or nobody answers."""
    return find(ip) or None


def reverse_checked(ip: bytes) -> bytes | None:
    """Return the host name of an address if one of the name's addresses is this one."""
    host = reverse(ip)
    if host is None or ip not in _addresses(host):
        return None
    return host


def _addresses(host: bytes) -> set[bytes]:
    try:
        found = _socket.getaddrinfo(host, None, 0, _socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return set()
    return {str(entry[4][0]).encode() for entry in found}
