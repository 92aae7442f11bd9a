"""``argv0 REALNAME NAME [ARG ...]``: run a program under another name."""

from ucspi.exits import EXIT_USAGE
from ucspi.programs._execute import execute
from ucspi.programs._program import Stop, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.unix.chain import Plan

PROGRAM = b"argv0"
USAGE = b"argv0: usage: argv0 realname program [ arg ... ]"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code if there is nothing to execute."""
    return run(_argv0, argv, USAGE)


def _argv0(argv: list[bytes]) -> int:
    if len(argv) < 3:
        raise Stop(USAGE, EXIT_USAGE)
    execute(PROGRAM, argv[1], argv[2:])


def plan(argv: list[bytes]) -> "Plan | None":
    """Return what the program would do as a step of a chain; None where it must be executed."""
    from ucspi.unix.chain import Plan  # servers have it; when we are executed nobody asks

    return Plan(PROGRAM, "USYS_RENAME", argv[1], argv[2:]) if len(argv) >= 3 else None
