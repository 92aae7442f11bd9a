"""``tai64nlocal``: make labels local time, from standard input to standard output."""

from ucspi.logs.localtime import Localizer
from ucspi.programs._line_filter import run_filter
from ucspi.programs._program import run

USAGE = b"tai64nlocal: usage: tai64nlocal"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(lambda _: run_filter(Localizer()), argv, USAGE)
