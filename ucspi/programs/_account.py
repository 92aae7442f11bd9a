"""The account that an argument names."""

import os
import pwd

from ucspi.programs._program import fatal


def find(program: bytes, account: bytes) -> tuple[int, int]:
    """Return the uid and gid of an account; a number is a name like any other.

    Raises:
        Stop: there is none of that name.
    """
    try:
        entry = pwd.getpwnam(os.fsdecode(account))
    except KeyError:
        raise fatal(program, b"unknown account " + account) from None
    return entry.pw_uid, entry.pw_gid
