"""The file ``sockets`` of a service directory: where its listening sockets are.

A line is ``ADDRESS PORT [NAME]`` or ``unix:PATH[,mode=MODE] [NAME]``.  Empty lines, and
lines that begin with ``#``, mean nothing.  An address is numeric, since a look-up could
hang; ``0`` is every IPv4 address, ``::`` every IPv4 and IPv6 address.  A port may be a
service name.  NAME is what ``$LISTEN_FDNAMES`` says.

The order of the lines is the order of the descriptors.  So one bad line spoils the whole
file: a service that got the other sockets alone would take one for another.
"""

import _socket

from ucspi.decimal import whole_number
from ucspi.errors import UnusableError
from ucspi.unix.unixdomain import PATH_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

FIRST: "Final" = 3  # the descriptor of the first socket.  Source: sd_listen_fds(3)
MOST: "Final" = 256  # sockets of a service
FILE_MAX: "Final" = 65536  # bytes of the file
NAME_MAX: "Final" = 255  # bytes of a name.  Source: sd_listen_fds_with_names(3)
UNNAMED: "Final" = b"unknown"  # the same
_PORT_MAX = 65535
_MODE = b",mode="


class SocketPlace:
    """Where a socket listens.

    Attributes:
        host: a numeric address, maybe with a scope; empty for a UNIX-domain socket.
        port: 0 is any free one.
        path: of a UNIX-domain socket, absolute; else empty.
        mode: of its file; None: the umask decides.
        name: for the service.
        key: equal for places that are one socket.
    """

    __slots__ = ("host", "key", "mode", "name", "path", "port")

    def __init__(
        self,
        name: bytes,
        *,
        host: bytes = b"",
        port: int = 0,
        path: bytes = b"",
        mode: int | None = None,
        number: int = 0,
    ) -> None:
        """Take the fields; ``number`` tells sockets on any free port from each other."""
        self.host, self.port, self.path, self.mode, self.name = host, port, path, mode, name
        self.key = (host, port, path, mode, number)

    def text(self) -> bytes:
        """Return it as the file has it, without the name."""
        return b"unix:" + self.path if self.path else b"%s %d" % (self.host, self.port)


def parse(text: bytes, open_files: int) -> list[SocketPlace]:
    """Return the places in a file, at least one.

    Args:
        text: the file.
        open_files: the service has descriptors below this number.

    Raises:
        UnusableError: it has a bad line, none, or too many; a line is named.
    """
    if len(text) > FILE_MAX:
        raise UnusableError(b"more than %d bytes" % FILE_MAX)
    found: list[SocketPlace] = []
    lines: dict[tuple[object, ...], int] = {}
    for number, line in enumerate(text.split(b"\n"), 1):
        words = line.split()
        if not words or words[0].startswith(b"#"):
            continue
        try:
            place = _place(words, number)
        except UnusableError as bad:
            raise UnusableError(b"line %d: %s" % (number, bad.reason)) from None
        identity = (place.path,) if place.path else place.key
        if identity in lines:
            raise UnusableError(b"line %d: the socket of line %d again" % (number, lines[identity]))
        lines[identity] = number
        found.append(place)
    if not found:
        raise UnusableError(b"it names no socket")
    most = min(MOST, open_files - FIRST)
    if len(found) > most:
        raise UnusableError(b"%d sockets, and %d are possible" % (len(found), max(0, most)))
    return found


def _place(words: list[bytes], line: int) -> SocketPlace:
    if words[0].startswith(b"unix:"):
        path, mode = _unix(words[0].removeprefix(b"unix:"))
        return SocketPlace(_name(words[1:], words), path=path, mode=mode)
    if len(words) < 2:
        raise _unclear(words)
    host, port = _host(words[0]), _port(words[1])
    return SocketPlace(_name(words[2:], words), host=host, port=port, number=0 if port else line)


def _unclear(words: list[bytes]) -> UnusableError:
    wanted = b"ADDRESS PORT [NAME] or unix:PATH[,mode=MODE] [NAME] is wanted, not "
    return UnusableError(wanted + _shown(b" ".join(words)))


def _shown(text: bytes) -> bytes:
    return b"%a" % text[:40].decode("latin-1")


def _name(rest: list[bytes], words: list[bytes]) -> bytes:
    if len(rest) > 1:
        raise _unclear(words)
    if not rest:
        return UNNAMED
    name = rest[0]
    if len(name) > NAME_MAX or b":" in name or not all(0x20 < byte < 0x7F for byte in name):
        raise UnusableError(
            b"a name has up to %d printable ASCII characters without a colon, unlike %s"
            % (NAME_MAX, _shown(name))
        )
    return name


def _host(text: bytes) -> bytes:
    if text == b"0":
        return b"0.0.0.0"
    bare, _, scope = text.partition(b"%")
    is_scope = scope == b"" or (b":" in bare and scope.isascii())
    try:
        family = _socket.AF_INET6 if b":" in bare else _socket.AF_INET
        _socket.inet_pton(family, bare.decode("ascii"))
    except (OSError, ValueError):
        is_scope = False
    if not is_scope or text.endswith(b"%") or b"\0" in text:
        raise UnusableError(b"a numeric address is wanted, not " + _shown(text))
    return text


def _port(text: bytes) -> int:
    if text.isdigit():
        number = whole_number(text, _PORT_MAX)
        if number is None:
            raise UnusableError(b"a port of at most %d is wanted, not %s" % (_PORT_MAX, _shown(text)))
        return number
    try:
        return _socket.getservbyname(text.decode("ascii"), "tcp")
    except (OSError, ValueError):
        raise UnusableError(b"no TCP service is called " + _shown(text)) from None


def _unix(text: bytes) -> tuple[bytes, int | None]:
    """Return path and mode."""
    path, comma, digits = text.partition(_MODE)
    if not path.startswith(b"/") or len(path) > PATH_MAX or b"\0" in path:
        raise UnusableError(
            b"a path that begins with / and has at most %d bytes is wanted, not %s" % (PATH_MAX, _shown(path))
        )
    if not comma:
        return path, None
    if not 0 < len(digits) <= 4 or digits.strip(b"01234567") or int(digits, 8) > 0o777:
        raise UnusableError(b"a mode of at most 0777, in octal digits, is wanted, not " + _shown(digits))
    return path, int(digits, 8)
