"""``recordio PROGRAM [ARG ...]``: log what a program reads and writes."""

from ucspi.programs._program import run
from ucspi.programs._stdio_proxy import execute_behind_proxy, plan_behind_proxy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.programs._stdio_proxy import Copy
    from ucspi.unix.chain import Plan

ORDER = b"record"  # the mover's
PROGRAM = b"recordio"
USAGE = b"recordio: usage: recordio program [ arg ... ]"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code if there is nothing to execute."""
    return run(lambda argv: execute_behind_proxy(PROGRAM, argv, ORDER, _load), argv, USAGE)


def plan(argv: list[bytes]) -> "Plan | None":
    """Return what the program would do as a step of a chain; None where it must be executed."""
    return plan_behind_proxy(PROGRAM, argv, ORDER)


def _load() -> "Copy":
    from ucspi.programs._recordio_copy import record

    return record
