"""``cdbmake-sv CDB TMP``: make a cdb file of lines in the format of /etc/services.

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
    return run(_cdbmake_sv, argv, HELP)


def _cdbmake_sv(argv: list[bytes]) -> int:
    return make(argv, _fill)


def _fill(builder: "Builder") -> None:
    """Add the name under ``@PORT/PROTO``, and the port under ``NAME/PROTO`` for the name and each alias."""
    for line in lines(blocks()):
        name, *others = fields(line.partition(b"#")[0]) or [b""]
        port, slash, protocol = (others or [b""])[0].partition(b"/")
        if not slash:
            continue
        protocol = protocol.partition(b"/")[0]
        builder.add(b"@%s/%s" % (port, protocol), name)
        for alias in (name, *others[1:]):
            builder.add(b"%s/%s" % (alias, protocol), port)
