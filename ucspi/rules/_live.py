"""A rules file that may be replaced at any moment, read again when it is.

One ``stat`` per client tells whether the file is still the one that was read.
If not, the whole file is read into private memory and checked once.  It is not
mapped: ``cp new rules.cdb`` truncates it in place, and touching a map would
then kill the server.

A file that cannot be trusted judges nobody: every client gets the error until
the file changes.
"""

import errno
import os
import stat
import time

from ucspi.cdb import Reader
from ucspi.errors import CdbFormatError
from ucspi.rules._bytes import require_address, require_bytes, require_client
from ucspi.rules._lookup import NO_RULE, RuleSet, Verdict
from ucspi.rules._sound import damage_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

HEADER_SIZE = 2048
FILE_MAX = 2**32 - 1  # a cdb file's positions cannot name more
ATTEMPTS = 4  # to read a file that somebody is writing to

# Two changes within one tick of the kernel's clock (10 ms at most) carry the
# same time stamp, so a file that had just changed when it was read is not yet
# known by its stamp: it is read again until it is older than this.
SETTLED_NS = 50_000_000


def load(path: bytes) -> RuleSet:
    """Read a rules file into memory and check it.

    Raises:
        OSError: it is missing, unreadable or not a regular file.
        CdbFormatError: it is damaged, or kept changing while it was read.
    """
    require_bytes("path", path)
    try:
        reader = Reader(_read_image(path))
        damage = damage_of(reader)
    except MemoryError:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), path) from None
    if damage is not None:
        raise damage
    return RuleSet(reader)


class LiveRules:
    """The rules in a file, always as they are now."""

    __slots__ = ("_missing_ok", "_rules", "_settled", "_state", "path")

    def __init__(self, path: bytes, *, missing_ok: bool = False) -> None:
        """Name the file; nothing is read before the first client.

        Args:
            path: looked up anew for every client.
            missing_ok: a file that does not exist allows everybody.
        """
        require_bytes("path", path)
        self.path, self._missing_ok = path, missing_ok
        self._rules: RuleSet | CdbFormatError = CdbFormatError("not read yet")
        self._state: tuple[int, ...] = ()
        self._settled = False

    def judge(self, ip: bytes, host: bytes | None = None, info: bytes | None = None) -> Verdict:
        """Decide about one client by the file as it is now; see `RuleSet.judge`.

        Raises:
            OSError: the file is missing (unless that is allowed), unreadable,
                or not a regular file.
            CdbFormatError: it is damaged, wherever that is.
        """
        require_client(ip, host, info)
        try:
            self._refresh()
        except FileNotFoundError:
            if self._missing_ok:
                require_address(ip)
                return NO_RULE
            raise
        if isinstance(self._rules, CdbFormatError):
            raise self._rules.with_traceback(None)  # else it grows with every client
        return self._rules.judge(ip, host, info)

    def line_of(self, rule: bytes | None) -> int | None:
        """Return None: compiled rules do not know their lines."""
        return None

    def _refresh(self) -> None:
        now = time.time_ns()
        status = os.stat(self.path)
        state = state_of(status)
        if state == self._state and self._settled:
            return
        try:
            self._rules = load(self.path)
        except CdbFormatError as damage:
            self._rules = damage
        # Taken before the reading, so a change since then shows up next time;
        # kept after it, so a failed system call is tried again next time.
        self._state = state
        self._settled = abs(now - status.st_ctime_ns) > SETTLED_NS  # a clock may step back


def state_of(status: os.stat_result) -> tuple[int, ...]:
    """Return what changes when a file is replaced or written to."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def open_regular(path: bytes) -> "BinaryIO":
    """Open a regular file for reading, unbuffered.

    Raises:
        OSError: it is missing, unreadable, a directory (EISDIR) or none that
            can be read twice (EINVAL).
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # or a FIFO would hold up the server
    try:
        _require_regular(os.fstat(fd), path)
    except OSError:
        os.close(fd)
        raise
    return os.fdopen(fd, "rb", buffering=0)


def _read_image(path: bytes) -> bytes:
    for _ in range(ATTEMPTS):
        with open_regular(path) as file:
            fd = file.fileno()
            status = os.fstat(fd)
            image = _read_whole(fd, status.st_size)
            if state_of(os.fstat(fd)) == state_of(status):
                return image
    raise CdbFormatError("the file changes while it is read")


def _require_regular(status: os.stat_result, path: bytes) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)


def _read_whole(fd: int, size: int) -> bytes:
    """Read a file of this size; refuse it by its header where that can be."""
    if size < HEADER_SIZE:
        raise CdbFormatError("shorter than a header", offset=size)
    if size > FILE_MAX:
        raise CdbFormatError("longer than a cdb file can be", offset=FILE_MAX)
    # A file that was never finished is all zeros here, whatever its size.
    records_end = int.from_bytes(os.pread(fd, 4, 0), "little")
    if not HEADER_SIZE <= records_end <= size:
        raise CdbFormatError("the records end outside the file", offset=0)
    image = os.read(fd, size)
    while len(image) < size and (more := os.read(fd, size - len(image))):
        image += more
    return image
