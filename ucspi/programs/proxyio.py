"""``proxyio``: copy between a client on descriptors 0 and 1 and a server on 6 and 7, both ways at once."""

import posix as os

from ucspi.exits import EXIT_USAGE
from ucspi.programs._program import Stop, fatal, run
from ucspi.unix import mover
from ucspi.unix.fds import occupy_standard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.unix.chain import Plan

ORDER = b"proxy"  # the mover's
PROGRAM = b"proxyio"
USAGE = b"proxyio: usage: proxyio"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code where there is no mover to become."""
    return run(_proxyio, argv, USAGE)


def plan(argv: list[bytes]) -> "Plan | None":
    """Return what the program would do as the end of a chain; None where it must be executed."""
    from ucspi.unix.chain import Plan  # servers have it; when we are executed nobody asks

    if len(argv) > 1 or mover.descriptor() < 0:
        return None
    return Plan(PROGRAM, "USYS_RELAY", PROGRAM, argv, order=ORDER)


def _proxyio(argv: list[bytes]) -> int:
    if len(argv) > 1:
        raise Stop(USAGE, EXIT_USAGE)
    for number in (6, 7):
        try:
            os.fstat(number)
        except OSError as error:
            what = b"unable to use descriptor %d, which tcpclient opens" % number
            raise fatal(PROGRAM, what, error) from None
    occupy_standard()
    mover.become(ORDER, argv)
    from ucspi.programs._proxyio_copy import copy

    copy()
    return 0
