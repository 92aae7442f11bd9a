"""``addcr``: put a carriage return before each newline, from standard input to standard output."""

from ucspi.lines.crlf import CrAdder
from ucspi.programs._program import run
from ucspi.programs._stdio_filter import run_filter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.unix.chain import Plan

PROGRAM = b"addcr"
USAGE = b"addcr: usage: addcr"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    text = CrAdder()
    return run(lambda _: run_filter(lambda data: (text.feed(data),), text.finish), argv, USAGE)


def plan(argv: list[bytes]) -> "Plan | None":
    """Return what the program would do as the end of a chain; None where it must be executed."""
    from ucspi.unix import mover
    from ucspi.unix.chain import Plan  # servers have it; when we are executed nobody asks

    return None if mover.descriptor() < 0 else Plan(PROGRAM, "USYS_FILTER", PROGRAM, argv, order=PROGRAM)
