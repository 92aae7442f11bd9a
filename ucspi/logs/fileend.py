"""Where a file of a log ends.

Nothing that is logged makes a file larger than its limit.  One that comes
within `MARGIN` of it ends with the first line that ends there; one that gets to
the limit itself ends inside a line.

The original looks at the size whenever it writes, which it does when its buffer
of `BUFFER` bytes is full and before each read of at most `STEP` bytes.  With
lines that are long, or files that are small, this decides where a file ends;
so the same buffer is reckoned with here, although what is written together is
much more.

Source: observed from the original multilog with strace.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Protocol

    class Log(Protocol):
        """Where a log's bytes go: into a file that ends, and is followed by another."""

        size: int

        def write(self, data: bytes | bytearray | memoryview) -> None:
            """Append to the file."""

        def rotate(self) -> None:
            """End the file and begin another, of size 0."""


MARGIN: "Final" = 2000
BUFFER: "Final" = 512
STEP: "Final" = 1024


class RotatingWriter:
    """Feeds one log, and ends its files.

    ``_held`` is the original's buffer: in which file that will be is not known
    yet.  ``_settled`` belongs into the file, and has not been written yet.
    """

    __slots__ = ("_held", "_limit", "_log", "_settled", "_size")

    def __init__(self, log: "Log", limit: int) -> None:
        """Take a log as it is, and the most bytes of its files, more than `MARGIN`."""
        self._log, self._limit, self._size = log, limit, log.size
        self._held, self._settled = bytearray(), bytearray()

    def put(self, data: bytes) -> None:
        """Log bytes that belong together: they are not divided among buffers if they fit into one."""
        if len(data) > BUFFER - len(self._held):
            self.release()
        self._held += data
        if len(data) > BUFFER:
            self.release()

    def put_each(self, data: bytes) -> None:
        """Log bytes one by one."""
        while data:
            if len(self._held) == BUFFER:
                self.release()
            room = BUFFER - len(self._held)
            self._held += data[:room]
            data = data[room:]

    def release(self) -> None:
        """Let go of what is held, as the original writes it: its buffer is empty afterwards."""
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
        """Write what belongs into the file."""
        if self._settled:
            settled, self._settled = self._settled, bytearray()
            self._log.write(settled)

    def log_was_rotated(self) -> None:
        """Reckon with a log that was rotated by somebody else, nothing being held."""
        self._size = self._log.size
