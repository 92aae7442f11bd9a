"""The account that an argument names."""

import pwd
import sys

from ucspi.programs._program import fatal

_IDS = 2**32  # the largest id is -1 to `pwd`


def find(program: bytes, account: bytes) -> tuple[int, int]:
    """Return the uid and gid of an account; a number is a name like any other.

    Raises:
        Stop: there is none of that name.
    """
    try:
        entry = pwd.getpwnam(account.decode(sys.getfilesystemencoding(), "surrogateescape"))
    except KeyError:
        raise fatal(program, b"unknown account " + account) from None
    return entry.pw_uid % _IDS, entry.pw_gid % _IDS
