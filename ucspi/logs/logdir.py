"""A log directory: one program writes to it, its files end and are followed by others."""

import os

from ucspi.logs.leftovers import open_current
from ucspi.logs.retry import try_once
from ucspi.logs.rotation import CLOSED, Rotation
from ucspi.unix import fds, locks, safeopen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.logs.retry import Retry
    from ucspi.logs.script import Destination

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


class LogDirectory:
    """A log directory that is open and ours, until the process ends.

    Whenever it does something with its files it makes the directory the
    current one, and leaves it so.  ``size`` is that of ``current``, in bytes.
    """

    __slots__ = ("_current", "_directory", "_lock", "_path", "_retry", "_rotation", "size")

    def __init__(
        self,
        destination: "Destination",
        retry: "Retry",
        complain: "Callable[[bytes, OSError], object]",
    ) -> None:
        """Open and lock the directory, made if need be, and make order in it.

        Args:
            destination: what the script says about it.
            retry: for what fails from now on.
            complain: called with what failed and the error when a processor cannot be run.

        Raises:
            LogError: the directory cannot be opened, locked or written to.
        """
        self._path, self._retry = destination.path, retry
        self._rotation = Rotation(destination, retry, complain)
        self._directory = _enter(self._path)
        step = b"unable to lock directory " + self._path
        is_guarded = not try_once(step, safeopen.is_private)
        self._lock = try_once(step, locks.acquire, b"lock", is_guarded=is_guarded)
        self._current, self.size = open_current(destination, retry)

    def write(self, data: "bytes | bytearray | memoryview") -> None:
        """Append all of it to ``current``; wait while there is no room on the disk."""
        written = 0
        with memoryview(data) as rest:
            while written < len(data):
                what = b"unable to write to %s/current" % self._path
                written += self._retry.until_done(what, os.write, self._current, rest[written:])
        self.size += written

    def rotate(self) -> None:
        """End ``current``, even if it is empty, and begin another."""
        self._retry.until_done(b"unable to switch to " + self._path, os.fchdir, self._directory)
        self._current, self.size = self._rotation.replace(self._current), 0
        self._rotation.finish()

    def close(self) -> None:
        """Force ``current`` to the disk, and mark it as whole."""
        until_done = self._retry.until_done
        until_done(b"unable to write %s/current to disk" % self._path, os.fsync, self._current)
        until_done(b"unable to set mode of %s/current" % self._path, os.fchmod, self._current, CLOSED)
        for number in (self._current, self._lock, self._directory):
            fds.close(number)


def _enter(path: bytes) -> int:
    """Make a log directory, if need be, and make it the current one; return its descriptor."""
    try:
        os.mkdir(path, 0o700)
    except OSError:
        pass  # what is wrong with it will be seen, and told, when it is opened
    step = b"unable to open directory " + path
    number = try_once(step, os.open if os.geteuid() else _open_guarded, path, _READ)
    try_once(step, os.fchdir, number)
    return number


def _open_guarded(path: bytes, flags: int) -> int:
    """Open a directory as root, who follows no link that another user can have made."""
    folder = safeopen.enter(path)
    try:
        return os.open(b".", flags, dir_fd=folder)
    finally:
        os.close(folder)
