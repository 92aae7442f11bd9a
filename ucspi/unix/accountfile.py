"""The ids of an account where ``/etc/passwd`` alone decides about them: see `ucspi.unix.nameorder`."""

import os
import pwd

from ucspi.unix.chain import Seen, look
from ucspi.unix.nameorder import files_first
from ucspi.unix.seenfile import contents

PASSWD = b"/etc/passwd"
_IDS = 2**32 - 1  # the largest means none


class Account:
    """The ids of an account, and the files that decide about them."""

    __slots__ = ("gid", "seen", "uid")

    def __init__(self, uid: int, gid: int, seen: list[Seen]) -> None:
        self.uid, self.gid, self.seen = uid, gid, seen


def find(name: bytes) -> Account | None:
    """Return an account; None where the files alone do not decide, or do not have it.

    Raises:
        TooNewError: one of them has changed just now.
    """
    file, order = look(PASSWD), files_first(b"passwd")
    passwd = None if file is None else contents(file)
    if file is None or passwd is None or order is None:
        return None
    ids = _ids(passwd, name)
    return None if ids is None or not _is_confirmed(name, ids) else Account(*ids, [file, *order])


def _ids(passwd: bytes, name: bytes) -> tuple[int, int] | None:
    """Return uid and gid of the only line of an account, if that is plainly right."""
    if not name or name[:1] in b"+-#" or set(name) & set(b":\n\0 \t"):
        return None
    lines = [line for line in passwd.split(b"\n") if line.strip().startswith(name + b":")]
    fields = lines[0].split(b":") if len(lines) == 1 else []
    if len(fields) != 7 or fields[0] != name:
        return None
    numbers = fields[2:4]
    if not all(number.isdigit() and len(number) <= 10 and int(number) < _IDS for number in numbers):
        return None
    return int(numbers[0]), int(numbers[1])


def _is_confirmed(name: bytes, ids: tuple[int, int]) -> bool:
    """Return whether the C library has the same answer."""
    try:
        entry = pwd.getpwnam(os.fsdecode(name))
    except (KeyError, OSError, ValueError):
        return False
    return (entry.pw_uid, entry.pw_gid) == ids
