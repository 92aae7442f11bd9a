"""Decides where a file of a log ends.

A file never becomes larger than its limit.  It ends with the first line that
ends within `MARGIN` bytes of the limit; if there is none, it ends at the limit,
inside a line.

The original looks at the size only when it writes: when its buffer of `BUFFER`
bytes is full, and before each read of at most `STEP` bytes.  With long lines or
small files this decides where a file ends.  So we follow what that buffer would
hold, although we write much more at once.

Source: observed from the original multilog with strace.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Protocol

    class Log(Protocol):
        """Takes the bytes of a log: a file, and after it ended the next one."""

        size: int

        def write(self, data: bytes | bytearray | memoryview) -> None:
            """Append to the file."""

        def rotate(self) -> None:
            """End the file and begin another, of size 0."""


MARGIN: "Final" = 2000
BUFFER: "Final" = 512
STEP: "Final" = 1024


class RotatingWriter:
    """Writes one log, and ends its files.

    ``_held`` is what the original's buffer would hold; which file it goes to is
    not known yet.  ``_settled`` goes to the current file, and is not written yet.
    """

    __slots__ = ("_held", "_limit", "_log", "_settled", "_size")

    def __init__(self, log: "Log", limit: int) -> None:
        """Go on with a log whose files have at most ``limit`` bytes; that is more than `MARGIN`."""
        self._log, self._limit, self._size = log, limit, log.size
        self._held, self._settled = bytearray(), bytearray()

    def put(self, data: bytes) -> None:
        """Log bytes that the original puts into its buffer at once: not split if they fit into it."""
        if len(data) > BUFFER - len(self._held):
            self.release()
        self._held += data
        if len(data) > BUFFER:
            self.release()

    def put_each(self, data: bytes) -> None:
        """Log bytes that the original puts into its buffer one by one."""
        while data:
            if len(self._held) == BUFFER:
                self.release()
            room = BUFFER - len(self._held)
            self._held += data[:room]
            data = data[room:]

    def release(self) -> None:
        """Empty the buffer, as the original does when it writes."""
        held, self._held = self._held, bytearray()
        while held:
            if self._size >= self._limit:
                self._end()
            length = self._next_length(held)
            self._settled += held[:length]
            self._size += length
            if self._size >= self._limit - MARGIN and held[length - 1] == ord("\n"):
                self._end()
            del held[:length]

    def _next_length(self, held: bytearray) -> int:
        length = min(len(held), self._limit - self._size)
        if self._size + length < self._limit - MARGIN:
            return length
        return held.rfind(b"\n", 0, length) + 1 or length

    def _end(self) -> None:
        self.write()
        self._log.rotate()
        self._size = 0

    def write(self) -> None:
        """Write what is settled."""
        if self._settled:
            settled, self._settled = self._settled, bytearray()
            self._log.write(settled)

    def log_was_rotated(self) -> None:
        """Take note that somebody else rotated the log; call it only when nothing is held."""
        self._size = self._log.size
