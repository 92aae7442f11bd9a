"""``envuidgid ACCOUNT CHILD [ARG ...]``: run a program with the ids of an account in UID and GID."""

from ucspi.programs._account_operand import account_and_command
from ucspi.programs._execute import execute
from ucspi.programs._program import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.unix.chain import Plan

PROGRAM = b"envuidgid"
USAGE = b"envuidgid: usage: envuidgid account child"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code if there is nothing to execute."""
    return run(_envuidgid, argv, USAGE)


def plan(argv: list[bytes]) -> "Plan | None":
    """Return what the program would do as a step of a chain; None where it must be executed."""
    from ucspi.unix import accountfile
    from ucspi.unix.chain import Plan  # servers have it; when we are executed nobody asks

    account = accountfile.find(argv[1]) if len(argv) >= 3 else None
    if account is None:
        return None
    variables = [b"GID=%d" % account.gid, b"UID=%d" % account.uid]
    return Plan(PROGRAM, "USYS_VARIABLES", argv[2], argv[2:], variables=variables, seen=account.seen)


def _envuidgid(argv: list[bytes]) -> int:
    uid, gid, command = account_and_command(PROGRAM, USAGE, argv)
    execute(PROGRAM, command[0], command, changes=[b"GID=%d" % gid, b"UID=%d" % uid])
