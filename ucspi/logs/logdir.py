"""A log directory, to which one program writes: its file ``current``, which is rotated, and its lock.

multilog and svlogd lock ``lock`` with flock, s6-log with fcntl, and the two
kinds do not see each other.  So we hold both.
"""

import fcntl
import os
from errno import EACCES, EAGAIN

from ucspi.logs.leftovers import open_current
from ucspi.logs.retry import try_once
from ucspi.logs.rotation import CLOSED, Rotation
from ucspi.unix import fds, locks, safeopen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.logs.age import Age
    from ucspi.logs.retry import Retry
    from ucspi.logs.script import Destination

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


class LogDirectory:
    """A log directory that we have opened and locked.

    Its methods make it the current directory, and do not change back.  ``size``
    is the size of ``current`` in bytes.
    """

    __slots__ = ("_age", "_current", "_directory", "_lock", "_path", "_retry", "_rotation", "size")

    def __init__(
        self,
        destination: "Destination",
        retry: "Retry",
        complain: "Callable[[bytes, OSError], object]",
    ) -> None:
        """Create the directory if it does not exist, open it, lock it, and clean up what is left in it.

        Args:
            destination: what the script says about it.
            retry: for what fails from now on.
            complain: called with what failed, and the error, when a processor cannot be run.

        Raises:
            LogError: the directory cannot be opened, locked or written to.
        """
        self._path, self._retry = destination.path, retry
        self._rotation = Rotation(destination, retry, complain)
        self._directory = _enter(self._path)
        step = b"unable to lock directory " + self._path
        is_guarded = not try_once(step, safeopen.is_private)
        self._lock = try_once(step, _lock, is_guarded=is_guarded)
        _warn_of_settings(self._path, retry)
        self._current, self.size = open_current(destination, retry)
        self._age = _age(destination.age, self.size) if destination.age else None

    def write(self, data: "bytes | bytearray | memoryview") -> None:
        """Append to ``current``; wait while the disk is full."""
        written = 0
        with memoryview(data) as rest:
            while written < len(data):
                what = b"unable to write to %s/current" % self._path
                written += self._retry.until_done(what, os.write, self._current, rest[written:])
        self.size += written
        if self._age is not None and written:
            self._age.note_lines()

    def seconds_left(self) -> float | None:
        """Return the seconds until ``current`` is so old that it ends; None without such an end."""
        return None if self._age is None else self._age.left()

    def rotate(self) -> None:
        """Finish ``current``, even if it is empty, and begin a new one."""
        self._retry.until_done(b"unable to switch to " + self._path, os.fchdir, self._directory)
        self._current, self.size = self._rotation.replace(self._current), 0
        if self._age is not None:
            self._age.note_end()
        self._rotation.finish()

    def close(self) -> None:
        """Sync ``current`` to the disk, and mark it as whole."""
        until_done = self._retry.until_done
        until_done(b"unable to write %s/current to disk" % self._path, os.fsync, self._current)
        until_done(b"unable to set mode of %s/current" % self._path, os.fchmod, self._current, CLOSED)
        for number in (self._current, self._lock, self._directory):
            fds.close(number)


def _enter(path: bytes) -> int:
    """Create a log directory if it does not exist, and change to it; return its descriptor."""
    try:
        os.mkdir(path, 0o700)
    except OSError:
        pass  # the error is reported when the directory is opened
    step = b"unable to open directory " + path
    number = try_once(step, os.open if os.geteuid() else _open_guarded, path, _READ)
    try_once(step, os.fchdir, number)
    return number


def _lock(*, is_guarded: bool) -> int:
    number = locks.acquire(b"lock", is_guarded=is_guarded)
    try:
        fcntl.lockf(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (EACCES, EAGAIN) and _is_local(number):
            os.close(number)
            raise
    return number


def _is_local(number: int) -> bool:
    """Return whether a file is on a disk of this machine.

    On a file server our own flock may be what stands in the way: there, it is an fcntl lock of another owner.
    """
    from ucspi.unix.cachedstat import is_local
    from ucspi.unix.procfiles import mount_of

    return is_local(mount_of(number))


def _warn_of_settings(path: bytes, retry: "Retry") -> None:
    """Say what we do not take over of svlogd, if it has settings here."""
    try:
        os.lstat(b"config")
    except OSError:
        return
    from ucspi.logs import svlogd

    for text, error in svlogd.warnings(path):
        retry.warn(text, error)


def _age(most: int, size: int) -> "Age":
    from ucspi.logs.age import Age  # most scripts have no R

    return Age(most, size)


def _open_guarded(path: bytes, flags: int) -> int:
    """Open a directory as root, without following a link that another user may have made."""
    folder = safeopen.enter(path)
    try:
        return os.open(b".", flags, dir_fd=folder)
    finally:
        os.close(folder)
