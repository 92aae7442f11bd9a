"""The copier of `recordio` and `fixcrio` in Python, where there is no mover: ``cdbext/mover/copier.c``."""

import posix as os

from ucspi.unix.fds import is_readable
from ucspi.unix.relay import Direction, relay

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Conversion:
    """What the copier does with one direction.

    It reads at most ``size`` bytes, writes what ``convert`` returns for them, and
    calls ``at_end`` at the end.
    """

    __slots__ = ("at_end", "convert", "size")

    def __init__(
        self, size: int, convert: "Callable[[bytes], bytes | memoryview]", at_end: "Callable[[], object]"
    ) -> None:
        self.size, self.convert, self.at_end = size, convert, at_end


def copy(input_: Conversion, output: Conversion, to_program: int, from_program: int) -> None:
    """Copy until the program has closed its output, or nobody reads that any more.

    Args:
        input_: what is done with the program's input, which comes from descriptor 0.
        output: what is done with its output, which goes to descriptor 1.
        to_program: where the program's input is written.
        from_program: where its output is read.
    """

    def end_input() -> None:
        input_.at_end()
        os.close(to_program)

    def end_output() -> None:
        # A program that ends at once may be gone before we have read its input.
        # What arrived before it ended belongs in the log.
        if not there.has_begun and is_readable(0):
            there.read()
        output.at_end()

    there = Direction(0, to_program, input_.size, input_.convert, end_input, is_own=True)
    back = Direction(from_program, 1, output.size, output.convert, end_output)
    relay(there, back)
