"""Work that may take long, in a thread of its own, while the caller goes on.

One piece of work at a time; its thread ends with it.  What hangs in a system
call is not waited for at the end of the process, nor by whoever gave it up.
"""

import _thread
import sys

from ucspi.unix.signals import start_deaf_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# In Python code a thread lets others go on after 5 ms only: too long for whoever serves clients.
SWITCH_INTERVAL = 0.0005  # seconds


class NoThreadError(Exception):
    """The system gives no thread."""


class _Job:
    __slots__ = ("_wake", "_work", "done", "error", "result")

    def __init__(self, work: "Callable[[], object]", wake: "Callable[[], object] | None") -> None:
        self._work, self._wake = work, wake
        self.done = _thread.allocate_lock()
        self.done.acquire()
        self.result: object = None
        self.error: BaseException | None = None

    def run(self) -> None:
        before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_INTERVAL)
        try:
            self.result = self._work()
        except BaseException as error:  # out of memory, say: it is raised where the result is taken
            self.error = error
        finally:
            sys.setswitchinterval(before)
            del self._work
            self.done.release()
            if self._wake is not None:
                self._wake()


class ThreadTask:
    """Does one piece of work in a thread of its own."""

    __slots__ = ("_job", "wake")

    def __init__(self) -> None:
        """Do nothing yet."""
        self._job: _Job | None = None
        self.wake: Callable[[], object] | None = None  # called in the thread when the work is done

    @property
    def is_busy(self) -> bool:
        """Whether there is work whose result was not taken."""
        return self._job is not None

    def start(self, work: "Callable[[], object]") -> None:
        """Begin; nothing else may be going on.

        Raises:
            NoThreadError: there is no thread, and nothing was done.
        """
        job = _Job(work, self.wake)
        try:
            start_deaf_thread(job.run)
        except (RuntimeError, MemoryError):
            raise NoThreadError from None
        self._job = job

    def wait(self, seconds: float) -> bool:
        """Wait until the work is done, at most so long, -1 for ever; return whether it is."""
        if self._job is None or not self._job.done.acquire(timeout=seconds):
            return False
        self._job.done.release()
        return True

    def take(self) -> object:
        """Return the result of work that is done, or raise what it raised."""
        job, self._job = self._job, None
        assert job is not None, "something was begun"
        error, job.error = job.error, None
        try:
            if error is not None:
                raise error
            return job.result
        finally:
            del error  # it would hold this frame, which holds it, and all that the work held

    def abandon(self) -> None:
        """Want nothing of what is going on any more; its thread ends when it can."""
        self._job = None
