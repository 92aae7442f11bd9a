"""``cdbdump``: print the database on standard input as text that cdbmake reads."""

from ucspi.cdb import dump
from ucspi.programs._program import run
from ucspi.programs._read_cdb import run_reader
from ucspi.programs._stdio import blocks, write

PROGRAM = b"cdbdump"
USAGE = b"cdbdump: usage: cdbdump"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_cdbdump, argv, USAGE)


def _cdbdump(argv: list[bytes]) -> int:
    """Dump; as in cdb 0.75, arguments are ignored."""
    return run_reader(PROGRAM, lambda: dump(blocks(), write))
