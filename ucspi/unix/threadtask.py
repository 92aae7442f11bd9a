"""Work that may take long, done in a thread while the caller goes on.

There is one task at a time, and its thread ends with it.  A task that hangs in a
system call is not waited for when the process ends, nor by a caller that has
abandoned it.

The thread has a table of descriptors of its own, where the system can do that.
Otherwise a program that is started meanwhile has a copy of the file that the
task reads, and closing that copy at its exec may hang like the task.
"""

import _thread
import sys

from ucspi.unix import native
from ucspi.unix.signals import start_deaf_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# By default a thread that runs Python code holds up others for 5 ms, which is too long for a server.
SWITCH_INTERVAL = 0.0005  # seconds


class NoThreadError(Exception):
    """No thread can be made."""


class _SwitchInterval:
    """Is short as long as any task runs; a task that hangs may have others beside it."""

    __slots__ = ("_before", "_lock", "_tasks")

    def __init__(self) -> None:
        self._lock, self._tasks, self._before = _thread.allocate_lock(), 0, SWITCH_INTERVAL

    def shorten(self) -> None:
        with self._lock:
            if not self._tasks:
                self._before = sys.getswitchinterval()
                sys.setswitchinterval(SWITCH_INTERVAL)
            self._tasks += 1

    def restore(self) -> None:
        with self._lock:
            self._tasks -= 1
            if not self._tasks:
                sys.setswitchinterval(self._before)


_interval = _SwitchInterval()


class _Job:
    __slots__ = ("_kept", "_wake", "_work", "done", "error", "result")

    def __init__(
        self, work: "Callable[[], object]", wake: "Callable[[], object] | None", kept: int | None
    ) -> None:
        self._work, self._wake, self._kept = work, wake, kept
        self.done = _thread.allocate_lock()
        self.done.acquire()
        self.result: object = None
        self.error: BaseException | None = None

    def run(self) -> None:
        _interval.shorten()
        try:
            if self._kept is not None and native.lib is not None:
                native.lib.usys_own_descriptors(self._kept)  # may fail: then it is as without
            self.result = self._work()
        except BaseException as error:  # for example out of memory; `take` raises it
            self.error = error
        finally:
            _interval.restore()
            del self._work
            self.done.release()
            if self._wake is not None:
                self._wake()


class ThreadTask:
    """Does one piece of work in a thread of its own."""

    __slots__ = ("_job", "kept", "wake")

    def __init__(self) -> None:
        """Begin without a task."""
        self._job: _Job | None = None
        self.wake: Callable[[], object] | None = None  # called in the thread when the task is done
        self.kept: int | None = None  # the descriptor that ``wake`` needs; None: all are shared

    @property
    def is_busy(self) -> bool:
        """Whether there is a task whose result was not taken."""
        return self._job is not None

    def start(self, work: "Callable[[], object]") -> None:
        """Begin a task; there must be no other.

        Raises:
            NoThreadError: no thread can be made; nothing was done.
        """
        job = _Job(work, self.wake, self.kept)
        try:
            start_deaf_thread(job.run)
        except (RuntimeError, MemoryError):
            raise NoThreadError from None
        self._job = job

    def wait(self, seconds: float) -> bool:
        """Wait at most so many seconds, -1 without end, for the task; return whether it is done."""
        if self._job is None or not self._job.done.acquire(timeout=seconds):
            return False
        self._job.done.release()
        return True

    def take(self) -> object:
        """Return the result of a task that is done, or raise what it raised."""
        job, self._job = self._job, None
        assert job is not None, "something was begun"
        error, job.error = job.error, None
        try:
            if error is not None:
                raise error
            return job.result
        finally:
            del error  # else this frame and the error would keep each other alive, and all that the task held

    def abandon(self) -> None:
        """Ignore the result of the current task; its thread ends when it can."""
        self._job = None
