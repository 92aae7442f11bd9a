"""``delcr``: take away one carriage return before each newline, from standard input to standard output."""

from ucspi.errors import EXIT_TEMPORARY
from ucspi.programs._program import run
from ucspi.tcp.crlf import Remover
from ucspi.unix.signals import undo_ignored
from ucspi.unix.streams import copy, write_all

USAGE = b"delcr: usage: delcr"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_delcr, argv, USAGE)


def _delcr(argv: list[bytes]) -> int:
    undo_ignored()  # who stops reading ends us by SIGPIPE
    remover = Remover()
    try:
        copy(0, 1, remover.feed)
        write_all(1, remover.finish())
    except OSError:
        return EXIT_TEMPORARY
    return 0
