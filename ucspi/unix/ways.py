"""Two ways between descriptors in one loop, so that who does not read delays only the other's answers.

The descriptors are shared with others and stay as they are, blocking or not.
So each is asked for room first, and then written no more than there must be.
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

PIPE_ROOM = select.PIPE_BUF  # bytes that a pipe takes without waiting when it says that it takes any


class Way:
    """One direction: what is read at the source is converted and written to the target.

    At most one block is on its way, so memory is bounded and nobody reads ahead.

    Attributes:
        has_begun: whether anything was read, if only the end.
        is_over: whether nothing will be read or written any more.
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
        """Have read nothing yet.

        Args:
            source: the descriptor to read.
            target: the one to write to.
            size: how much is read at once, in bytes.
            convert: called with each block, returns what is written.
            end: called at the end of the source.
            is_own: whether nobody else has the target's end, so that it may be made non-blocking.
            is_lossy: whether what cannot be written is dropped; else the way ends there.
        """
        self._source, self._target, self._size = source, target, size
        self._convert, self._end, self._is_lossy = convert, end, is_lossy
        self._write = _writer(target, is_own)
        self._waiting: bytes | memoryview = b""
        self.has_begun = self.is_over = False

    def register(self, poll: "select.poll") -> int:
        """Tell a poll what this waits for; return the descriptor, -1 for nothing."""
        if self.is_over:
            return -1
        if self._waiting:
            poll.register(self._target, select.POLLOUT)
            return self._target
        poll.register(self._source, select.POLLIN)
        return self._source

    def proceed(self) -> None:
        """Go on where the poll said so."""
        if self._waiting:
            self._deliver()
        else:
            self.read()

    def read(self) -> None:
        """Read and convert a block; an error is an end too."""
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


def relay(there: Way, back: Way) -> None:
    """Go both ways until the way back is over; what comes there at the same time comes first."""
    while not back.is_over:
        poll = select.poll()
        waiting = [(way.register(poll), way) for way in (there, back)]
        ready = [number for number, _ in poll.poll()]
        for number, way in waiting:
            if number in ready:
                way.proceed()


def is_readable(source: int) -> bool:
    """Return whether a read has something to tell now."""
    poll = select.poll()
    poll.register(source, select.POLLIN)
    return bool(poll.poll(0))


def _writer(target: int, is_own: bool) -> "Write":
    """Return the function that writes to a descriptor as much as goes without waiting."""
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
        pass  # it is not open, which writing will tell
    return lambda data: os.write(target, data[:most])


def _socket_writer(target: int) -> "Write":
    import _socket

    flags = _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL
    number = os.dup(target)  # the object's own, whatever becomes of it
    sock = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, number)  # any family will do
    return lambda data: sock.send(data, flags)
