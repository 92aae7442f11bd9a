"""``pgrphack CHILD [ARG ...]``: run a program in a new session and process group."""

import posix as os

from ucspi.exits import EXIT_USAGE
from ucspi.programs._execute import execute
from ucspi.programs._program import Stop, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.unix.chain import Plan

PROGRAM = b"pgrphack"
USAGE = b"pgrphack: usage: pgrphack child"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code if there is nothing to execute."""
    return run(_pgrphack, argv, USAGE)


def _pgrphack(argv: list[bytes]) -> int:
    if len(argv) < 2:
        raise Stop(USAGE, EXIT_USAGE)
    try:
        os.setsid()
    except PermissionError:
        pass  # we are the leader of a process group already
    execute(PROGRAM, argv[1], argv[1:])


def plan(argv: list[bytes]) -> "Plan | None":
    """Return what the program would do as a step of a chain; None where it must be executed."""
    from ucspi.unix.chain import Plan  # servers have it; when we are executed nobody asks

    return Plan(PROGRAM, "USYS_SESSION", argv[1], argv[1:]) if len(argv) >= 2 else None
