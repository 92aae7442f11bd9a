"""``mconnect-io``: copy between a person on descriptors 0 and 1 and a server on 6 and 7."""

from ucspi.lines.crlf import CrAdder
from ucspi.programs._program import run
from ucspi.unix.relay import Direction, relay
from ucspi.unix.streams import BLOCK

USAGE = b"mconnect-io: usage: mconnect-io"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_mconnect_io, argv, USAGE)


def _mconnect_io(argv: list[bytes]) -> int:
    # The end of the input does not close the connection; what nobody reads is dropped.
    there = Direction(0, 7, BLOCK, CrAdder().feed, _ignore, is_lossy=True)
    back = Direction(6, 1, BLOCK, bytes, _ignore, is_lossy=True)
    relay(there, back)
    return 0


def _ignore() -> None:
    """Do nothing at the end of a direction."""
