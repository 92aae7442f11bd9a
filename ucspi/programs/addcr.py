"""``addcr``: put a carriage return before each newline, from standard input to standard output."""

from ucspi.errors import EXIT_TEMPORARY
from ucspi.programs._program import run
from ucspi.tcp.crlf import Adder
from ucspi.unix.signals import undo_ignored
from ucspi.unix.streams import copy

USAGE = b"addcr: usage: addcr"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_addcr, argv, USAGE)


def _addcr(argv: list[bytes]) -> int:
    undo_ignored()  # who stops reading ends us by SIGPIPE
    adder = Adder()
    try:
        copy(0, 1, adder.feed)
    except OSError:
        return EXIT_TEMPORARY
    return 0
