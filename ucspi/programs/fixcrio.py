"""``fixcrio PROGRAM [ARG ...]``: put a carriage return before each newline that has none, both ways."""

from ucspi.lines.crlf import CrFixer
from ucspi.programs._program import run
from ucspi.programs._stdio_proxy import Conversion, execute_behind_proxy
from ucspi.unix.streams import BLOCK

USAGE = b"fixcrio: usage: fixcrio program [ arg ... ]"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code if there is nothing to execute."""
    return run(_fixcrio, argv, USAGE)


def _fixcrio(argv: list[bytes]) -> int:
    execute_behind_proxy(b"fixcrio", argv, lambda program: (_conversion(), _conversion()))


def _conversion() -> Conversion:
    return Conversion(BLOCK, CrFixer().feed, lambda: None)
