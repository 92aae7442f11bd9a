"""The command line of setuidgid and envuidgid: an account, and the program to run."""

import pwd
import sys

from ucspi.exits import EXIT_USAGE
from ucspi.programs._program import Stop, fatal

_IDS = 2**32  # `pwd` returns the largest id as -1


def account_and_command(program: bytes, usage: bytes, argv: list[bytes]) -> tuple[int, int, list[bytes]]:
    """Return the uid and gid of the account, and the command line of the program to run.

    Raises:
        Stop: something is missing, or there is no such account.
    """
    if len(argv) < 3:
        raise Stop(usage, EXIT_USAGE)
    account = argv[1]  # a number is a name like any other
    try:
        entry = pwd.getpwnam(account.decode(sys.getfilesystemencoding(), "surrogateescape"))
    except KeyError:
        raise fatal(program, b"unknown account " + account) from None
    return entry.pw_uid % _IDS, entry.pw_gid % _IDS, argv[2:]
