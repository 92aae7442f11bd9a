"""``cdbmake-12 CDB TMP``: make a cdb file of lines with a key and data.

The original is an awk script in front of cdbmake.
"""

from ucspi.programs._awk import fields, lines
from ucspi.programs._make_cdb import HELP, make
from ucspi.programs._program import run
from ucspi.programs._stdio import blocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.cdb import Builder


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_cdbmake_12, argv, HELP)


def _cdbmake_12(argv: list[bytes]) -> int:
    return make(argv, _fill)


def _fill(builder: "Builder") -> None:
    """Add a record for each line: field 1 is the key, field 2 the data; a missing field is empty."""
    for line in lines(blocks()):
        if line and not line.startswith(b"#"):
            key, data = (fields(line) + [b"", b""])[:2]
            builder.add(key, data)
