"""What may have to wait for a disk, done aside, in threads that no signal reaches.

Opening a service's directory is a dozen system calls, each of which may have to
wait for the disk; so does a scan, and publishing a status.  They hold up
neither the services that run nor each other.  What comes of it is handed over
in the main thread, which alone starts processes and alone decides.

Each disk has a queue and `WORKERS` threads of its own, while there is work.  A
thread that hangs counts no longer among them, and another takes its place: so
each directory that hangs costs one thread, and no more than `MOST` for a disk.
"""

import os
from _thread import allocate_lock
from time import monotonic

from ucspi.unix.output import say_soon
from ucspi.unix.signals import start_deaf_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Any, Final, TypeVar

    from ucspi.service.eventloop import EventLoop

    T = TypeVar("T")
    Work = Callable[[], object]
    Then = Callable[[Any], object]

WORKERS: "Final" = 2  # threads at once for a disk that answers
PATIENCE: "Final" = 0.1  # seconds after which a thread is taken to hang
MOST: "Final" = 32  # threads at once for one disk
AT_ONCE: "Final" = 16  # results handed over before others have their turn


class _Queue:
    """The work of one disk, and since when each of its threads has been at what it does."""

    __slots__ = ("since", "waiting")

    def __init__(self) -> None:
        self.waiting: list[tuple[Work, Then]] = []
        self.since: dict[object, float] = {}

    def needs_thread(self) -> bool:
        """Say whether something waits that another thread may do."""
        recent = monotonic() - PATIENCE
        busy = sum(since > recent for since in self.since.values())
        return bool(self.waiting) and busy < WORKERS and len(self.since) < MOST


class DiskThreads:
    """Does work elsewhere, and hands its results over here."""

    __slots__ = ("_bell", "_done", "_has_told", "_is_looking", "_lock", "_loop", "_queues")

    def __init__(self, loop: "EventLoop") -> None:
        """Hand results over in a loop's turns."""
        self._loop = loop
        self._queues: dict[Hashable, _Queue] = {}
        self._done: list[tuple[Then, object]] = []
        self._lock = allocate_lock()
        self._is_looking = self._has_told = False
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        loop.on_readable(self._bell, self._hand_over)

    def call(
        self, work: "Callable[[], T]", then: "Callable[[T | None], object]", disk: "Hashable" = None
    ) -> None:
        """Have ``work`` called in a thread, and ``then`` with its result in a turn of the loop.

        Args:
            work: an error that it raises is a line on standard error, and None its result.
            then: called in the main thread.
            disk: what it may have to wait for; what waits for another one goes on.
        """
        with self._lock:
            queue = self._queues.get(disk)
            if queue is None:
                queue = self._queues[disk] = _Queue()
            queue.waiting.append((work, then))
        if not self._add_thread(disk, queue):
            os.eventfd_write(self._bell, 1)  # have the main thread look again, should they hang

    def _add_thread(self, disk: "Hashable", queue: _Queue) -> bool:
        """Start a thread if one is needed; say whether that was so."""
        mark = object()
        with self._lock:
            if not queue.needs_thread():
                return False
            queue.since[mark] = monotonic()
        try:
            start_deaf_thread(lambda: self._work(disk, queue, mark))
            self._has_told = False
        except (RuntimeError, MemoryError):
            self._do_without(disk, queue, mark)
        return True

    def _do_without(self, disk: "Hashable", queue: _Queue, mark: object) -> None:
        """There are no more threads: leave it to those that there are, or do it here."""
        if not self._has_told:
            self._has_told = True
            say_soon(b"svscan: warning: unable to start a thread: temporary failure")
        with self._lock:
            is_alone = len(queue.since) == 1
            if not is_alone:
                del queue.since[mark]
        if is_alone:
            self._work(disk, queue, mark)
        else:
            os.eventfd_write(self._bell, 1)

    def _work(self, disk: "Hashable", queue: _Queue, mark: object) -> None:
        while True:
            with self._lock:
                if not queue.waiting:
                    del queue.since[mark]
                    if not queue.since:
                        self._queues.pop(disk, None)
                    return
                queue.since[mark] = monotonic()
                work, then = queue.waiting.pop(0)
            try:
                result = work()
            except Exception as error:  # no failed work is worth the services that run
                say_soon(b"svscan: warning: unable to work aside: %a" % error)
                result = None
            self._done.append((then, result))
            os.eventfd_write(self._bell, 1)

    def _hand_over(self) -> None:
        os.eventfd_read(self._bell)
        for _ in range(AT_ONCE):
            if not self._done:
                break
            then, result = self._done.pop(0)
            then(result)
        else:
            os.eventfd_write(self._bell, 1)  # there may be more, after the turns of others
        if not self._is_looking and any(queue.waiting for queue in list(self._queues.values())):
            self._is_looking = True
            self._loop.after(PATIENCE, self._look)

    def _look(self) -> None:
        """See whether what waits has waited for threads that hang."""
        self._is_looking = False
        for disk, queue in list(self._queues.items()):
            self._add_thread(disk, queue)
        if any(queue.waiting for queue in list(self._queues.values())):
            self._is_looking = True
            self._loop.after(PATIENCE, self._look)
