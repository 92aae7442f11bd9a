"""The ids of an account where ``/etc/passwd`` alone decides about them.

A look-up by the C library may ask other machines, and hang.  But where the files
come first, and have the account, nobody else is asked.  Then the answer stays the
same as long as these files do, and whoever holds it need only glance at them.
"""

import errno
import os
import pwd

from ucspi.unix.chain import Seen, look
from ucspi.unix.seenfile import contents

PASSWD, ORDER = b"/etc/passwd", b"/etc/nsswitch.conf"
_CACHES = (b"/var/run/nscd/socket", b"/run/nscd/socket")  # who is asked before all files
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
    seen = []
    for path in (PASSWD, ORDER, *_CACHES):
        file = look(path)
        if file is None:
            return None
        seen.append(file)
    if any(file.error != errno.ENOENT for file in seen[2:]):
        return None
    passwd, order = contents(seen[0]), contents(seen[1])
    if passwd is None or order is None or not _files_come_first(order):
        return None
    ids = _ids(passwd, name)
    return None if ids is None or not _is_confirmed(name, ids) else Account(*ids, seen)


def _files_come_first(order: bytes) -> bool:
    """Return whether the C library looks for users in the files first, and there is one such line."""
    lines = [line.partition(b"#")[0].split() for line in order.split(b"\n")]
    users = [words for words in lines if words and words[0].startswith(b"passwd")]
    if len(users) != 1 or users[0][:2] != [b"passwd:", b"files"]:
        return False
    return not users[0][2:] or not users[0][2].startswith(b"[")  # what is to be done when it was found


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
