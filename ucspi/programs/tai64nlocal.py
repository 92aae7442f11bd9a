"""``tai64nlocal``: replace labels by local time, from standard input to standard output."""

from ucspi.lines.localtime import Localizer
from ucspi.programs._program import run
from ucspi.programs._stdio_filter import LABELLED, run_filter

USAGE = b"tai64nlocal: usage: tai64nlocal"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    lines = Localizer()
    return run(lambda _: run_filter(lines.feed, lines.finish, LABELLED), argv, USAGE)
