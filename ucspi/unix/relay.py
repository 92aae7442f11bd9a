"""Relaying bytes in two directions in one loop.

A reader that does not read holds up only its own direction.  The descriptors
are shared with other processes, so their blocking flag stays as it is.
Instead, poll says first that there is room, and a write is then no larger than
what certainly fits.
"""

import os
import select
import stat

from ucspi.unix.streams import BLOCK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Convert = Callable[[bytes], bytes | memoryview]
    Write = Callable[[bytes | memoryview], int]

PIPE_ROOM = select.PIPE_BUF  # bytes that a pipe takes without blocking once poll reports it writable


class Direction:
    """One direction: what is read at the source is converted and written to the target.

    At most one block is held at a time, so memory is bounded and nobody reads ahead.

    Attributes:
        has_begun: anything was read, even if only the end.
        is_over: nothing will be read or written any more.
    """

    __slots__ = (
        "_convert",
        "_end",
        "_is_lossy",
        "_size",
        "_source",
        "_target",
        "_waiting",
        "_write",
        "has_begun",
        "is_over",
    )

    def __init__(
        self,
        source: int,
        target: int,
        size: int,
        convert: "Convert",
        end: "Callable[[], object]",
        *,
        is_own: bool = False,
        is_lossy: bool = False,
    ) -> None:
        """Read nothing yet.

        Args:
            source: the descriptor to read.
            target: the one to write to.
            size: how many bytes are read at once.
            convert: called with each block; returns what is written.
            end: called at the end of the source.
            is_own: nobody else has the target open, so it may be made non-blocking.
            is_lossy: what cannot be written is dropped; otherwise a failed write ends this direction.
        """
        self._source, self._target, self._size = source, target, size
        self._convert, self._end, self._is_lossy = convert, end, is_lossy
        self._write = _writer(target, is_own)
        self._waiting: bytes | memoryview = b""
        self.has_begun = self.is_over = False

    def register(self, poll: "select.poll") -> int:
        """Register with a poll what this waits for; return the descriptor, -1 for none."""
        if self.is_over:
            return -1
        if self._waiting:
            poll.register(self._target, select.POLLOUT)
            return self._target
        poll.register(self._source, select.POLLIN)
        return self._source

    def proceed(self) -> None:
        """Read or write one block; call it when the poll reports the descriptor."""
        if self._waiting:
            self._deliver()
        else:
            self.read()

    def read(self) -> None:
        """Read and convert a block; an error counts as the end."""
        try:
            block = os.read(self._source, self._size)
        except BlockingIOError:
            return
        except OSError:
            block = b""
        self.has_begun = True
        if block:
            self._waiting = self._convert(block)
        else:
            self._end()
            self.is_over = True

    def _deliver(self) -> None:
        try:
            self._waiting = self._waiting[self._write(self._waiting) :]
        except BlockingIOError:
            pass
        except OSError:
            self._waiting = b""
            self.is_over = not self._is_lossy


def relay(there: Direction, back: Direction) -> None:
    """Relay in both directions until ``back`` is over; if both are ready, ``there`` goes first."""
    while not back.is_over:
        poll = select.poll()
        waiting = [(way.register(poll), way) for way in (there, back)]
        ready = [number for number, _ in poll.poll()]
        for number, way in waiting:
            if number in ready:
                way.proceed()


def _writer(target: int, is_own: bool) -> "Write":
    """Return a function that writes as much as a descriptor takes without blocking."""
    most = PIPE_ROOM
    try:
        mode = os.fstat(target).st_mode
        if stat.S_ISSOCK(mode):
            return _socket_writer(target)
        if is_own:
            os.set_blocking(target, False)
        if is_own or stat.S_ISREG(mode):
            most = BLOCK
    except OSError:
        pass  # it is not open: the first write reports that
    return lambda data: os.write(target, data[:most])


def _socket_writer(target: int) -> "Write":
    import _socket

    flags = _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL
    number = os.dup(target)  # the socket object closes this one, not the caller's
    sock = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, number)  # any family will do
    return lambda data: sock.send(data, flags)
