"""``envuidgid ACCOUNT CHILD [ARG ...]``: run a program with the ids of an account in UID and GID."""

from ucspi.programs._account_operand import account_and_command
from ucspi.programs._execute import execute
from ucspi.programs._program import run

PROGRAM = b"envuidgid"
USAGE = b"envuidgid: usage: envuidgid account child"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code if there is nothing to execute."""
    return run(_envuidgid, argv, USAGE)


def _envuidgid(argv: list[bytes]) -> int:
    uid, gid, command = account_and_command(PROGRAM, USAGE, argv)
    execute(PROGRAM, command[0], command, changes=[b"GID=%d" % gid, b"UID=%d" % uid])
