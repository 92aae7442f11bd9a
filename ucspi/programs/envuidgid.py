"""``envuidgid ACCOUNT CHILD [ARG ...]``: run a program with an account's ids in UID and GID."""

from ucspi.exits import EXIT_USAGE
from ucspi.programs._account_operand import find
from ucspi.programs._execute import execute
from ucspi.programs._program import Stop, run

PROGRAM = b"envuidgid"
USAGE = b"envuidgid: usage: envuidgid account child"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code if there is nothing to execute."""
    return run(_envuidgid, argv, USAGE)


def _envuidgid(argv: list[bytes]) -> int:
    if len(argv) < 3:
        raise Stop(USAGE, EXIT_USAGE)
    uid, gid = find(PROGRAM, argv[1])
    execute(PROGRAM, argv[2], argv[2:], changes=[b"GID=%d" % gid, b"UID=%d" % uid])
