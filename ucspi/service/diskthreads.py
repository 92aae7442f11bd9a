"""Threads for work that may have to wait for a disk.

Opening a service's directory takes a dozen system calls, and each of them may
wait for the disk.  So may a scan, and so may publishing a status.  This work is
done in threads that no signal reaches, so it holds up neither the services that
run nor each other.  The results are handed over in the main thread, which alone
starts processes and decides.

Each disk has its own queue, and `WORKERS` threads while there is work.  A thread
that hangs no longer counts, and another takes its place.  So each directory
that hangs costs one thread, and a disk costs at most `MOST`.
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
PATIENCE: "Final" = 0.1  # seconds after which a thread counts as hanging
MOST: "Final" = 32  # threads at once for one disk
AT_ONCE: "Final" = 16  # results handed over in one turn of the loop


class _Queue:
    """The work that waits for one disk, and when each of its threads began what it does."""

    __slots__ = ("since", "waiting")

    def __init__(self) -> None:
        self.waiting: list[tuple[Work, Then]] = []
        self.since: dict[object, float] = {}

    def needs_thread(self) -> bool:
        """Return whether there is work for another thread, and room for one."""
        recent = monotonic() - PATIENCE
        busy = sum(since > recent for since in self.since.values())
        return bool(self.waiting) and busy < WORKERS and len(self.since) < MOST


class DiskThreads:
    """Does work in threads, and hands the results over in the main thread."""

    __slots__ = ("_bell", "_done", "_has_warned", "_is_checking", "_lock", "_loop", "_queues")

    def __init__(self, loop: "EventLoop") -> None:
        """Hand results over in turns of a loop."""
        self._loop = loop
        self._queues: dict[Hashable, _Queue] = {}
        self._done: list[tuple[Then, object]] = []
        self._lock = allocate_lock()
        self._is_checking = self._has_warned = False
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        loop.on_readable(self._bell, self._hand_over)

    def call(
        self, work: "Callable[[], T]", then: "Callable[[T | None], object]", disk: "Hashable" = None
    ) -> None:
        """Call ``work`` in a thread, and then ``then`` with its result in a turn of the loop.

        Args:
            work: if it raises an error, that is a line on standard error and the result is None.
            then: called in the main thread.
            disk: the one that the work may wait for; work for other disks is not held up.
        """
        with self._lock:
            queue = self._queues.get(disk)
            if queue is None:
                queue = self._queues[disk] = _Queue()
            queue.waiting.append((work, then))
        if not self._add_thread(disk, queue):
            os.eventfd_write(self._bell, 1)  # the main thread then looks whether the threads hang

    def _add_thread(self, disk: "Hashable", queue: _Queue) -> bool:
        """Start a thread if one is needed; return whether it was."""
        mark = object()
        with self._lock:
            if not queue.needs_thread():
                return False
            queue.since[mark] = monotonic()
        try:
            start_deaf_thread(lambda: self._work(disk, queue, mark))
            self._has_warned = False
        except (RuntimeError, MemoryError):
            self._do_without(disk, queue, mark)
        return True

    def _do_without(self, disk: "Hashable", queue: _Queue, mark: object) -> None:
        """Leave the work to the threads that run; if none does, do it here."""
        if not self._has_warned:
            self._has_warned = True
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
            except Exception as error:  # it must not end the services that run
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
            os.eventfd_write(self._bell, 1)  # more may be left; others have their turn first
        if not self._is_checking and any(queue.waiting for queue in list(self._queues.values())):
            self._is_checking = True
            self._loop.after(PATIENCE, self._check)

    def _check(self) -> None:
        """Add threads if work waits behind threads that hang."""
        self._is_checking = False
        for disk, queue in list(self._queues.items()):
            self._add_thread(disk, queue)
        if any(queue.waiting for queue in list(self._queues.values())):
            self._is_checking = True
            self._loop.after(PATIENCE, self._check)
