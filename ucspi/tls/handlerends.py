"""The ends of one handler's input and output: two pipes, or one socket for both."""

import _socket
import os

from ucspi.tls.clientend import AGAIN
from ucspi.tls.session import BLOCK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class HandlerEnds:
    """What the handler reads is written here, and what it writes is read.

    Attributes:
        input: the descriptor of its input; -1: it is closed.
        output: that of its output.
    """

    __slots__ = ("_forget", "_is_pair", "input", "output")

    def __init__(self, ends: "Sequence[int]", forget: "Callable[[int], object]") -> None:
        """Own the descriptors.

        Args:
            ends: of input and output, or one for both.  None at all: there is no handler.
            forget: called with a descriptor before it is closed.
        """
        self.input, self.output = (ends[0], ends[-1]) if ends else (-1, -1)
        self._is_pair, self._forget = len(ends) == 1, forget
        for end in ends:
            os.set_blocking(end, False)

    def write(self, block: "bytes | memoryview") -> int:
        """Write to the input; return how many bytes it took.  If nobody reads it, it is closed."""
        try:
            return os.write(self.input, block)
        except OSError as error:
            if error.errno not in AGAIN:
                self.close_input()
            return 0

    def read(self) -> bytes | None:
        """Read from the output; None: there is nothing now.  Empty: it has ended."""
        try:
            return os.read(self.output, BLOCK)
        except OSError as error:
            return None if error.errno in AGAIN else b""

    def close_input(self) -> None:
        """Let the handler find the end of its input."""
        if self.input >= 0:
            self._close(self.input, self.output, _socket.SHUT_WR)
            self.input = -1

    def close_output(self) -> None:
        """Let the handler find that nobody takes its output."""
        if self.output >= 0:
            self._close(self.output, self.input, _socket.SHUT_RD)
            self.output = -1

    def _close(self, descriptor: int, other: int, how: int) -> None:
        if not self._is_pair or other < 0:
            self._forget(descriptor)
            os.close(descriptor)
            return
        try:
            end = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, descriptor)
        except OSError:
            return  # it is no socket
        try:
            end.shutdown(how)
        except OSError:
            pass  # the handler has gone
        finally:
            end.detach()
