"""The files of a service directory, through which a supervisor is found and controlled.

    down                  if present, the service is not wanted up at first
    supervise/lock        locked (flock) as long as a supervisor lives
    supervise/control     fifo for control bytes
    supervise/ok          fifo that nobody writes to: it can be opened for writing
                          as long as a supervisor lives
    supervise/status      18 bytes or more, see `ucspi.service.statusrecord`
    supervise/birth       ours: which process was started last, see `ucspi.service.birthrecord`

Everything is opened relative to descriptors of the two directories.  So one
process can hold any number of them, and no open waits for the other end of a
fifo.  ``supervise`` may be a link that root or we made.  Inside it no link is
followed, and a file of another kind is refused: a user who owns it, to control
one service, must not have root write elsewhere or read another service's bytes.

Source: order, flags, modes and messages as observed from daemontools 0.76.
"""

import os

from ucspi.errors import ServiceError, UnsafeFileError
from ucspi.service import birthrecord, controlfiles
from ucspi.unix import locks, safeopen
from ucspi.unix.errtext import explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

_TRUNCATE: "Final" = os.O_WRONLY | os.O_CREAT | os.O_TRUNC

# In ``supervise``.
BIRTH: "Final" = b"birth"
LOCK: "Final" = b"lock"
STATUS: "Final" = b"status"
NEW: "Final" = b"status.new"


class ServiceDirectory:
    """One service directory, held open by up to six descriptors; -1 stands for one that is not open.

    Attributes:
        name: its path, as it appears in messages.
        warn: called with the text of a warning.
        disk: the device that ``supervise`` is on, once it was entered.
        fd: the directory.
        state: the directory ``supervise``.
        lock: its lock file.
        control: its fifo of control bytes.
        ok: its fifo that shows that a supervisor lives.
        birth: its file for birth records.
    """

    __slots__ = ("birth", "control", "disk", "fd", "lock", "name", "ok", "state", "warn")

    def __init__(self, name: bytes, warn: "Callable[[bytes], object]", parent: int | None = None) -> None:
        """Open the directory.

        Args:
            name: its path, as it appears in messages.
            warn: called with the text of a warning.
            parent: a descriptor of the directory that the path is relative to.

        Raises:
            ServiceError: it cannot be entered.
        """
        self.name, self.warn = name, warn
        self.disk = 0
        self.fd = self.state = self.lock = self.control = self.ok = self.birth = -1
        try:
            self.fd = controlfiles.enter(name, parent)
        except OSError as error:
            raise ServiceError(b"unable to chdir to " + name, error) from None

    @classmethod
    def held(
        cls, name: bytes, warn: "Callable[[bytes], object]", files: tuple[int, int, int, int, int, int]
    ) -> "ServiceDirectory":
        """Return a directory whose files are all open: ``fd``, ``state``, lock, control, birth and ok."""
        self = cls.__new__(cls)
        self.name, self.warn = name, warn
        self.fd, self.state, self.lock, self.control, self.birth, self.ok = files
        self.disk = os.fstat(self.state).st_dev
        return self

    def close(self) -> None:
        """Close all descriptors; the files stay."""
        for fd in (self.ok, self.birth, self.control, self.lock, self.state, self.fd):
            if fd >= 0:
                os.close(fd)
        self.fd = self.state = self.lock = self.control = self.ok = self.birth = -1

    def is_normally_up(self) -> bool:
        """Return whether there is no file ``down``; a dangling link does not count as one."""
        try:
            return controlfiles.is_normally_up(self.fd)
        except OSError as error:
            raise ServiceError(b"unable to stat %s/down" % self.name, error) from None

    def acquire(self) -> None:
        """Make ``supervise`` and lock it against any other supervisor.

        Raises:
            ServiceError: it cannot be made or locked, or another supervisor has the lock.
        """
        self._make()
        try:
            self.enter_state()
            self.lock = locks.acquire(LOCK, directory=self.state, is_guarded=True)
        except OSError as error:
            raise ServiceError(b"unable to acquire %s/supervise/lock" % self.name, error) from None

    def enter_state(self) -> None:
        """Open ``supervise``.

        Raises:
            UnsafeFileError: it is a link that another user may have made.
            OSError: it cannot be entered.
        """
        if self.state < 0:
            self.state = safeopen.enter(b"supervise", self.fd)
            self.disk = os.fstat(self.state).st_dev

    def _make(self) -> None:
        """Make the directory ``supervise``, or the one that a link of that name points at."""
        try:
            os.mkdir(b"supervise", 0o700, dir_fd=self.fd)
        except OSError:
            try:
                target = safeopen.follow(b"supervise", self.fd)
                if target is not None:
                    os.mkdir(target, 0o700, dir_fd=self.fd)
            except OSError:
                pass  # entering it will report what is wrong

    def open_control(self) -> None:
        """Make the fifo of control bytes and open it both ways, so that it never ends."""
        self._make_fifo(b"control")
        try:
            self.control = self._open_fifo(b"control", os.O_RDWR)
        except ServiceError:
            raise
        except OSError as error:
            step = b"write" if self._is_readable(b"control") else b"read"
            raise ServiceError(b"unable to %s %s/supervise/control" % (step, self.name), error) from None

    def open_ok(self) -> None:
        """Make and open the fifo that shows others that there is a supervisor."""
        self._make_fifo(b"ok")
        try:
            self.ok = self._open_fifo(b"ok", os.O_RDONLY)
        except ServiceError:
            raise
        except OSError as error:
            raise ServiceError(b"unable to read %s/supervise/ok" % self.name, error) from None

    def _make_fifo(self, name: bytes) -> None:
        try:
            os.mkfifo(name, 0o600, dir_fd=self.state)
        except OSError:
            pass  # it exists, or opening it will report what is wrong

    def _open_fifo(self, name: bytes, flags: int) -> int:
        """Open what must be a fifo: a plain file would always be readable."""
        try:
            return safeopen.open_file(name, flags, safeopen.FIFO, self.state)
        except UnsafeFileError as error:
            raise ServiceError(b"%s/supervise/%s %s" % (self.name, name, error.reason)) from None

    def _is_readable(self, name: bytes) -> bool:
        try:
            os.close(safeopen.open_file(name, os.O_RDONLY, safeopen.FIFO, self.state))
        except OSError:
            return False
        return True

    def read_control(self) -> str:
        """Return the next control byte as a letter; an empty string if none waits."""
        try:
            return os.read(self.control, 1).decode("latin-1")
        except OSError:
            return ""

    def publish(self, record: bytes) -> None:
        """Replace the published status; a failure is a warning."""
        step = b"open %s/supervise/status.new" % self.name
        try:
            fd = safeopen.open_file(NEW, _TRUNCATE, safeopen.PLAIN, self.state, 0o644)
            step = b"write %s/supervise/status.new" % self.name
            try:
                written = os.write(fd, record)
            finally:
                os.close(fd)
            if written < len(record):
                self.warn(b"unable to %s: partial write" % step)
                return
            step = b"rename %s/supervise/status.new to status" % self.name
            os.rename(NEW, STATUS, src_dir_fd=self.state, dst_dir_fd=self.state)
        except OSError as error:
            self.warn(b"unable to %s: %s" % (step, explain(error)))

    def read_status(self) -> bytes:
        """Return the content of the status file; nothing if it cannot be read."""
        try:
            fd = safeopen.open_file(STATUS, os.O_RDONLY, safeopen.PLAIN, self.state)
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
            ServiceError: that cannot be found out; a second copy must not be started then.
        """
        return self._find(self.mark)

    def find_finishing(self) -> tuple[int, int] | None:
        """Return the same of a ``finish`` that a killed supervisor of ours left running, or None.

        Raises:
            ServiceError: that cannot be found out.
        """
        return self._find(lambda: birthrecord.of_finish(self.mark()))

    def _find(self, mark: "Callable[[], bytes]") -> tuple[int, int] | None:
        try:
            self.enter_state()
            return birthrecord.find(BIRTH, mark(), self.state)
        except OSError as error:
            raise ServiceError(b"unable to read %s/supervise/birth" % self.name, error) from None

    def mark(self) -> bytes:
        """Return device and inode of the lock file, which differ in a copy of this directory."""
        lock = (
            os.stat(LOCK, dir_fd=self.state, follow_symlinks=False) if self.lock < 0 else os.fstat(self.lock)
        )
        return b"%x:%x" % (lock.st_dev, lock.st_ino)

    def open_birth(self) -> None:
        """Open the file for birth records; each is written over the last.  The service runs without it, too.

        It stays open, for the disk may hang later.
        """
        try:
            self.birth = safeopen.open_file(BIRTH, os.O_WRONLY | os.O_CREAT, safeopen.PLAIN, self.state)
        except OSError:
            pass
