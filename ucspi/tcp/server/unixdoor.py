"""Clients of this machine, through sockets of the UNIX domain.

Such a client has no address.  Wherever an address is looked at (rules, limits,
the log) ``unix.`` and its user id stand for it, which the system vouches for;
so the rule ``unix.`` is for all of them, as ``10.`` is for a network.  Its
process id stands for the port, and the path of the socket for our address.
"""

import _socket
import os

from ucspi.tcp.connection import Connection
from ucspi.tcp.server.door import Door
from ucspi.tcp.server.listener import Listener, ListenError
from ucspi.unix import unixdomain

MODE = b"mode="
PID_VARIABLE = b"UNIXLOCALPID="  # only the handler's process knows its value


class BadPlaceError(Exception):
    """What should name a socket does not; the text says why."""


def parse_place(text: bytes) -> tuple[bytes, int | None]:
    """Read ``PATH`` or ``PATH,mode=0660``; without a mode it is None.

    Raises:
        BadPlaceError: it is neither, or the path is too long.
    """
    path, comma, option = text.partition(b",")
    digits = option.removeprefix(MODE)
    if comma and (digits == option or not 0 < len(digits) <= 4 or digits.strip(b"01234567")):
        raise BadPlaceError(b"behind a comma only mode= and up to four octal digits, such as ,mode=0660")
    mode = int(digits, 8) if comma else None
    if mode is not None and mode > 0o777:
        raise BadPlaceError(b"a mode of at most 0777")
    if len(path) > unixdomain.PATH_MAX:
        raise BadPlaceError(b"a path of at most %d bytes" % unixdomain.PATH_MAX)
    return path, mode


def listen(path: bytes, mode: int | None, backlog: int) -> Listener:
    """Bind and listen on a path, see `domain.listen`.

    Raises:
        ListenError: nothing is left open.
    """
    try:
        sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        sock.setblocking(False)
        return Listener(sock, unixdomain.listen(sock, path, mode, backlog))
    except OSError as error:
        raise ListenError(b"unable to bind unix:" + path, error) from error


class UnixDoor(Door):
    """A listener of the UNIX domain, and how to accept from it."""

    __slots__ = ("_path",)

    def __init__(self, listener: Listener, path: bytes) -> None:
        """Prepare to accept; nothing is set on a connection, for all options are TCP's."""
        self.listener = listener
        self._path = path

    def accept(self) -> Connection | None:
        """Accept one connection, or return None when no client is there; see `domain.accept`."""
        accepted = unixdomain.accept(self.listener.socket)
        if accepted is None:
            return None
        descriptor, (pid, uid, gid) = accepted
        try:
            connection = Connection(descriptor, self._path, 0, b"unix.%d" % uid, pid)
            connection.user = uid, gid
        except MemoryError:
            os.close(descriptor)
            raise
        return connection
