"""``setuidgid ACCOUNT CHILD [ARG ...]``: run a program as another user."""

import posix as os

from ucspi.programs._account_operand import account_and_command
from ucspi.programs._execute import execute
from ucspi.programs._program import fatal, run
from ucspi.unix.environ import inherited
from ucspi.unix.privilege import Identity, drop_groups, drop_user

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.unix.chain import Plan

PROGRAM = b"setuidgid"
USAGE = b"setuidgid: usage: setuidgid account child"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code if there is nothing to execute."""
    return run(_setuidgid, argv, USAGE)


def plan(argv: list[bytes]) -> "Plan | None":
    """Return what the program would do as a step of a chain; None where it must be executed."""
    from ucspi.unix import accountfile
    from ucspi.unix.chain import Plan  # servers have it; when we are executed nobody asks

    account = accountfile.find(argv[1]) if len(argv) >= 3 and os.geteuid() == 0 else None
    if account is None:
        return None
    ids = (account.uid, account.gid)
    return Plan(PROGRAM, "USYS_IDS", argv[2], argv[2:], ids=ids, seen=account.seen)


def _setuidgid(argv: list[bytes]) -> int:
    uid, gid, command = account_and_command(PROGRAM, USAGE, argv)
    entries = inherited()
    _drop(Identity(uid, gid, [gid]))
    execute(PROGRAM, command[0], command, entries=entries)


def _drop(identity: Identity) -> None:
    try:
        drop_groups(identity)
    except OSError as error:
        raise fatal(PROGRAM, b"unable to setgid", error) from None
    try:
        drop_user(identity)
    except OSError as error:
        raise fatal(PROGRAM, b"unable to setuid", error) from None
