"""``addcr``: put a carriage return before each newline, from standard input to standard output."""

from ucspi.programs._filter import run_filter
from ucspi.programs._program import run
from ucspi.tcp.crlf import Adder

USAGE = b"addcr: usage: addcr"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(lambda _: run_filter(Adder()), argv, USAGE)
