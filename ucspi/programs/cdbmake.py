"""``cdbmake CDB TMP``: make a cdb file of the records on standard input."""

from ucspi.cdb import load
from ucspi.programs._make_cdb import HELP, make
from ucspi.programs._program import run
from ucspi.programs._stdio import blocks


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_cdbmake, argv, HELP)


def _cdbmake(argv: list[bytes]) -> int:
    return make(argv, lambda builder: load(blocks(), builder))
