"""``tai64n``: put the time before each line, from standard input to standard output."""

from ucspi.lines.label import Stamper
from ucspi.programs._program import run
from ucspi.programs._stdio_filter import LABELLED, run_filter

USAGE = b"tai64n: usage: tai64n"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    lines = Stamper()
    return run(lambda _: run_filter(lines.feed, lines.finish, LABELLED), argv, USAGE)
