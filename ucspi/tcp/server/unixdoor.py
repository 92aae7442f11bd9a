"""Clients on this machine, through UNIX-domain sockets.

Such a client has no address.  Rules, limits and the log use ``unix.`` and its
user id instead; the kernel guarantees the user id.  So the rule ``unix.``
applies to all these clients, as ``10.`` applies to a network.  The process id
stands for the client's port, and the path of the socket for our address.
"""

import _socket
import os

from ucspi.tcp.connection import Connection
from ucspi.tcp.server.door import Door
from ucspi.tcp.server.listener import Listener, ListenError
from ucspi.unix import unixdomain

MODE = b"mode="
PID_VARIABLE = b"UNIXLOCALPID="  # the handler's process fills in its own pid


class BadPlaceError(Exception):
    """An operand does not name a socket; the text says why."""


def parse_place(text: bytes) -> tuple[bytes, int | None]:
    """Return path and mode of ``PATH`` or ``PATH,mode=0660``; without a mode it is None.

    Raises:
        BadPlaceError: the text has neither form, or the path is too long.
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
    """Bind a socket to a path and listen; see `unixdomain.listen`.

    Raises:
        ListenError: that failed; nothing is left open.
    """
    try:
        sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        sock.setblocking(False)
        return Listener(sock, unixdomain.listen(sock, path, mode, backlog))
    except OSError as error:
        raise ListenError(b"unable to bind unix:" + path, error) from error


class UnixDoor(Door):
    """A UNIX-domain listener, and the way to accept connections from it."""

    __slots__ = ("_path",)

    def __init__(self, listener: Listener, path: bytes) -> None:
        self.listener = listener  # no socket options: all that a server has are of TCP
        self._path = path

    def accept(self) -> Connection | None:
        """Accept one connection; return None when no client is waiting.  See `unixdomain.accept`."""
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
