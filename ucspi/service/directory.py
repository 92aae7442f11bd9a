"""The files of a service directory, by which a supervisor is known and spoken to.

    down                  its presence: the service is not wanted up at first
    supervise/lock        locked (flock) as long as a supervisor lives
    supervise/control     fifo for control bytes
    supervise/ok          fifo that nobody writes: it can be opened for writing
                          while a supervisor lives
    supervise/status      18 bytes, see `ucspi.service.status`
    supervise/birth       ours: which process the last one was, see `ucspi.unix.birth`

All is opened relative to a descriptor of the directory, so that one process
can hold any number of them, and nothing waits for the other end of a fifo.

Source: order, flags, modes and messages as observed from daemontools 0.76.
"""

import os

from ucspi.errors import ServiceError
from ucspi.service import asking
from ucspi.unix import birth, locks
from ucspi.unix.errtext import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

_FIFO: "Final" = os.O_NONBLOCK | os.O_CLOEXEC
# Who owns the directory must not have root truncate what a link points at.  Nor make it: so for the lock.
_TRUNCATE: "Final" = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_IS_FIFO: "Final" = 0o010000
_FORMAT: "Final" = 0o170000

BIRTH: "Final" = b"supervise/birth"
STATUS: "Final" = b"supervise/status"
NEW: "Final" = b"supervise/status.new"


class Directory:
    """One service directory, held open; four descriptors when all is."""

    __slots__ = ("control", "fd", "lock", "name", "ok", "warn")

    def __init__(self, name: bytes, warn: "Callable[[bytes], object]", parent: int | None = None) -> None:
        """Open the directory.

        Args:
            name: its path, as it stands in messages.
            warn: called with the text of a warning.
            parent: a descriptor of what the path is relative to.

        Raises:
            ServiceError: it cannot be entered.
        """
        self.name, self.warn = name, warn
        self.lock = self.control = self.ok = -1
        self.fd = -1
        try:
            self.fd = asking.enter(name, parent)
        except OSError as error:
            raise ServiceError(b"unable to chdir to " + name, error) from None

    def close(self) -> None:
        """Close all that is open; the files stay."""
        for fd in (self.ok, self.control, self.lock, self.fd):
            if fd >= 0:
                os.close(fd)
        self.fd = self.lock = self.control = self.ok = -1

    def is_normally_up(self) -> bool:
        """Return whether there is no file ``down``; a dangling link is none."""
        try:
            return asking.is_normally_up(self.fd)
        except OSError as error:
            raise ServiceError(b"unable to stat %s/down" % self.name, error) from None

    def acquire(self) -> None:
        """Make ``supervise`` and lock it against any other supervisor.

        Raises:
            ServiceError: that was not possible, or another has it.
        """
        self._make()
        try:
            self.lock = locks.acquire(b"supervise/lock", directory=self.fd, follow=False)
        except OSError as error:
            raise ServiceError(b"unable to acquire %s/supervise/lock" % self.name, error) from None

    def _make(self) -> None:
        """Make the directory ``supervise``, or what a link of that name points at."""
        try:
            os.mkdir(b"supervise", 0o700, dir_fd=self.fd)
        except OSError:
            try:
                os.mkdir(os.readlink(b"supervise", dir_fd=self.fd), 0o700, dir_fd=self.fd)
            except OSError:
                pass  # what is missing will be missed by who needs it

    def open_control(self) -> None:
        """Make and open the fifo of control bytes, both ends, so that it never ends."""
        self._make_fifo(b"control")
        try:
            self.control = os.open(b"supervise/control", os.O_RDWR | _FIFO, dir_fd=self.fd)
        except OSError as error:
            step = b"write" if self._is_readable(b"supervise/control") else b"read"
            raise ServiceError(b"unable to %s %s/supervise/control" % (step, self.name), error) from None
        self._demand_fifo(self.control, b"control")

    def open_ok(self) -> None:
        """Make and open the fifo by which others see that there is a supervisor."""
        self._make_fifo(b"ok")
        try:
            self.ok = os.open(b"supervise/ok", os.O_RDONLY | _FIFO, dir_fd=self.fd)
        except OSError as error:
            raise ServiceError(b"unable to read %s/supervise/ok" % self.name, error) from None
        self._demand_fifo(self.ok, b"ok")

    def _make_fifo(self, name: bytes) -> None:
        try:
            os.mkfifo(b"supervise/" + name, 0o600, dir_fd=self.fd)
        except OSError:
            pass  # it is there, or opening it will tell

    def _is_readable(self, path: bytes) -> bool:
        try:
            os.close(os.open(path, os.O_RDONLY | _FIFO, dir_fd=self.fd))
        except OSError:
            return False
        return True

    def _demand_fifo(self, fd: int, name: bytes) -> None:
        """Refuse a plain file: it is always ready, and the original never rests then."""
        if os.fstat(fd).st_mode & _FORMAT != _IS_FIFO:
            raise ServiceError(b"%s/supervise/%s is not a fifo" % (self.name, name))

    def read_control(self) -> str:
        """Return the next control byte as a letter, or nothing when none waits."""
        try:
            return os.read(self.control, 1).decode("latin-1")
        except OSError:
            return ""

    def publish(self, record: bytes) -> None:
        """Put a new status in the place of the old one; what fails is a warning."""
        step = b"open %s/supervise/status.new" % self.name
        try:
            fd = os.open(NEW, _TRUNCATE, 0o644, dir_fd=self.fd)
            step = b"write %s/supervise/status.new" % self.name
            try:
                written = os.write(fd, record)
            finally:
                os.close(fd)
            if written < len(record):
                self.warn(b"unable to %s: partial write" % step)
                return
            step = b"rename %s/supervise/status.new to status" % self.name
            os.rename(NEW, STATUS, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        except OSError as error:
            self.warn(b"unable to %s: %s" % (step, describe(error.errno)))

    def read_status(self) -> bytes:
        """Return what the status file holds; nothing when it cannot be read."""
        try:
            fd = asking.open_status(self.fd)
        except OSError:
            return b""
        try:
            return os.read(fd, 64)
        except OSError:
            return b""
        finally:
            os.close(fd)

    def find_running(self) -> tuple[int, int] | None:
        """Return pid and process descriptor of what a killed supervisor of ours left running, or None.

        Raises:
            ServiceError: that could not be found out, and a second copy must not be started.
        """
        try:
            return birth.find(BIRTH, self.mark(), self.fd)
        except OSError as error:
            raise ServiceError(b"unable to read %s/supervise/birth" % self.name, error) from None

    def mark(self) -> bytes:
        """Return what tells this directory from a copy of it: which file its lock is."""
        lock = os.fstat(self.lock) if self.lock >= 0 else os.stat(b"supervise/lock", dir_fd=self.fd)
        return b"%x:%x" % (lock.st_dev, lock.st_ino)
