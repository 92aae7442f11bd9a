"""What may have to wait for a disk, done aside, in threads that no signal reaches.

Opening a service's directory is a dozen system calls, each of which may have to
wait for the disk; so does a scan.  They hold up neither the services that run
nor each other.  What comes of it is handed over in the main thread, which alone
starts processes and alone decides.  There are threads while there is work.
"""

import os
from _thread import allocate_lock

from ucspi.unix.signals import start_deaf_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.service.loop import Loop
    from ucspi.service.supervisor import Supervisor

    Result = Supervisor | None

WORKERS = 2  # threads at once; a stuck one leaves the other
AT_ONCE = 16  # results handed over before others have their turn


class Aside:
    """Does work elsewhere, and hands its results over here."""

    __slots__ = ("_bell", "_done", "_lock", "_waiting", "_workers")

    def __init__(self, loop: "Loop") -> None:
        """Hand results over in a loop's turns."""
        self._waiting: list[tuple[Callable[[], Result], Callable[[Result], object]]] = []
        self._done: list[tuple[Callable[[Result], object], Result]] = []
        self._lock, self._workers = allocate_lock(), 0
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        loop.watch(self._bell, self._hand_over)

    def call(self, work: "Callable[[], Result]", then: "Callable[[Result], object]") -> None:
        """Have ``work`` called in a thread, and ``then`` with its result in a turn of the loop.

        Args:
            work: must not raise.
            then: called in the main thread.
        """
        with self._lock:
            self._waiting.append((work, then))
            if self._workers == WORKERS:
                return
            self._workers += 1
        try:
            start_deaf_thread(self._work)
        except RuntimeError:
            self._work()  # no more threads: then here

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._workers -= 1
                    return
                work, then = self._waiting.pop(0)
            self._done.append((then, work()))
            os.eventfd_write(self._bell, 1)

    def _hand_over(self) -> None:
        os.eventfd_read(self._bell)
        for _ in range(AT_ONCE):
            if not self._done:
                return
            then, result = self._done.pop(0)
            then(result)
        os.eventfd_write(self._bell, 1)  # there may be more, after the turns of others
