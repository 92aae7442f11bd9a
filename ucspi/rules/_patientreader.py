"""Reading a file of rules in a server that must not wait for a disk.

Opening, reading and checking a file may take long.  A small file on a disk of
this machine is read at once, which costs less than a handler.  Any other file,
a large one or one on a file server that may hang, is read in a thread.  Who
wants the result waits a little, and then goes on without it.
"""

import time

from ucspi.unix.cachedstat import CachedStat, size_in
from ucspi.unix.threadtask import NoThreadError, ThreadTask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Result = TypeVar("Result")

GOING_ON = b": takes long to be read; until then clients are judged by what was read before"
NOBODY = b": takes long to be read; until then nobody is let in"
READ = b": was read at last"


class PatientReader:
    """Reads one file again and again, each time at once or in a thread."""

    __slots__ = ("_cached_stat", "_log", "_path", "_small", "_task", "is_late", "started")

    def __init__(self, path: bytes, small: int, log: "Callable[[bytes], object] | None") -> None:
        """Prepare to read; nothing is read yet.

        Args:
            path: resolved anew for each read.
            small: the size in bytes up to which a file is read at once.
            log: called with a line when a read takes long, and when such a read has ended.
        """
        self._path, self._small, self._log = path, small, log
        self._cached_stat = CachedStat(path)
        self._task = ThreadTask()
        self.is_late = False  # whether it was logged that the read in the thread takes long
        self.started = 0.0  # when that read was started, on the steady clock

    def set_wake(self, wake: "Callable[[], object]", descriptor: int | None) -> None:
        """Have ``wake`` called, in the thread, whenever a read in a thread has ended.

        Args:
            wake: is called.
            descriptor: the only one above 2 that ``wake`` needs; None if that is not known.
        """
        self._task.wake, self._task.kept = wake, descriptor

    def glance(self) -> bytes | None:
        """Return bytes that change when the file does, None when only a read can tell."""
        return self._cached_stat.glance()

    def is_reading(self) -> bool:
        """Return whether a read in a thread is going on."""
        return self._task.is_busy and not self._task.wait(0)

    def has_result(self) -> bool:
        """Return whether a read in a thread has ended whose result nobody has taken."""
        return self._task.is_busy and self._task.wait(0)

    def read(self, glimpse: bytes | None, work: "Callable[[], Result]", patience: float) -> "Result | None":
        """Do the ``work`` of a read, at once or in a thread; return its result, None if it is not there yet.

        A read that is going on in a thread already is waited for instead of
        starting another.

        Args:
            glimpse: what `glance` has returned.
            work: reads the file.
            patience: how many seconds to wait for a thread that is started now.

        Raises:
            what ``work`` raises.
        """
        if glimpse is not None and size_in(glimpse) <= self._small:
            self._task.abandon()  # what it finds is older
            self._log_end()
            return work()
        if not self._task.is_busy:
            try:
                self._task.start(work)
            except NoThreadError:
                return work()  # waiting is better than no rules
            self.started = time.monotonic()
            self._task.wait(patience)
        return self.take_result() if self._task.wait(0) else None

    def abandon(self) -> None:
        """Drop the result of a read that is going on in a thread."""
        if self._task.is_busy:
            self._task.abandon()
            self._log_end()

    def take_result(self) -> "Result":  # type: ignore[type-var]  # of the work given to `read`
        """Return the result of a read that has ended in a thread, or raise what it raised."""
        self._log_end()
        return self._task.take()  # type: ignore[return-value]

    def log_if_late(self, after: float, line: bytes) -> None:
        """Log, once for each read, that it has been going on for ``after`` seconds."""
        if not self.is_late and time.monotonic() - self.started >= after:
            self.is_late = True
            self._write(line)

    def wait(self, seconds: float) -> bool:
        """Wait for the read that is going on, -1 for ever; return whether it has ended."""
        return self._task.wait(seconds)

    def _log_end(self) -> None:
        if self.is_late:
            self.is_late = False
            self._write(READ)

    def _write(self, line: bytes) -> None:
        if self._log is not None:
            self._log(self._path + line)
