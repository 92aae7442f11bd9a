"""``fixcrio PROGRAM [ARG ...]``: put a carriage return before each newline that has none, both ways."""

from ucspi.lines.crlf import Fixer
from ucspi.programs._program import run
from ucspi.programs._stdio_proxy import Filter, run_behind
from ucspi.unix.streams import BLOCK

USAGE = b"fixcrio: usage: fixcrio program [ arg ... ]"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code if there is nothing to execute."""
    return run(_fixcrio, argv, USAGE)


def _fixcrio(argv: list[bytes]) -> int:
    run_behind(b"fixcrio", argv, lambda program: (_filter(), _filter()))


def _filter() -> Filter:
    return Filter(BLOCK, Fixer().feed, lambda: None)
