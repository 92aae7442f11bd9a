"""``delcr``: remove one carriage return before each newline, from standard input to standard output."""

from ucspi.lines.crlf import CrRemover
from ucspi.programs._program import run
from ucspi.programs._stdio_filter import run_filter

USAGE = b"delcr: usage: delcr"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    text = CrRemover()
    return run(lambda _: run_filter(lambda data: (text.feed(data),), text.finish), argv, USAGE)
