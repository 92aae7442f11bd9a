"""Handlers: started, known by pid, reaped.

A spawn blocks its caller until the handler is executed, so two small threads
do nothing but spawn; the server's one deciding thread hands them connections
and never waits.  A handler can end, and be reaped, before its spawn has
returned the pid: such a status is held while any spawn is under way.  When
none is, an unknown pid is a stranger's, inherited through exec: reaped, and
not counted.
"""

import os
import time
from _collections import deque
from _queue import SimpleQueue

from ucspi.unix.signals import start_deaf_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ucspi.unix.spawn import Spawner

    Order = tuple[int, bytes, bytes]

THREADS = 2  # a clone's parent waits for the exec: one spawn at a time cannot use a second core


class Handlers:
    """Every handler of a server that is being started or is running."""

    __slots__ = ("_held", "_orders", "_pids", "_results", "_spawner", "_starting", "_wake")

    def __init__(self, spawner: "Spawner", wake: "Callable[[], object]") -> None:
        """Start the spawn threads, where the spawner serves several.

        Args:
            spawner: starts one handler.
            wake: called in a thread when the deciding thread must `collect`.
        """
        self._spawner, self._wake = spawner, wake
        self._orders: SimpleQueue[Order] = SimpleQueue()
        self._results: deque[int | OSError] = deque()
        self._pids: set[int] = set()
        self._held: dict[int, int] = {}
        self._starting = 0
        if spawner.native:
            for _ in range(THREADS):
                start_deaf_thread(self._spawn_orders)

    def start(self, connection: int, variables: bytes, log: bytes) -> None:
        """Start a handler on a connection, which is given away; see `Spawner.spawn`."""
        self._starting += 1
        if self._spawner.native:
            self._orders.put((connection, variables, log))
        else:
            self._spawn((connection, variables, log))

    def _spawn_orders(self) -> None:
        while True:
            self._spawn(self._orders.get())

    def _spawn(self, order: "Order") -> None:
        try:
            self._results.append(self._spawner.spawn(*order))
            # Nobody waits for a pid but a status that came before it.  The
            # other thread holds first and looks at the results then, so one
            # of the two sees the other.
            if self._held:
                self._wake()
        except OSError as error:
            self._results.append(error)
            self._wake()

    def reap(self) -> None:
        """Reap whatever has ended, without waiting."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._held[pid] = status

    def collect(self) -> "Iterator[OSError]":
        """Yield the error of every spawn that failed; settle those that succeeded."""
        while self._results:
            result = self._results.popleft()
            self._starting -= 1
            if isinstance(result, OSError):
                yield result
            else:
                self._pids.add(result)

    def ended(self) -> "Iterator[tuple[int, int]]":
        """Yield (pid, wait status) of every handler that was reaped and is known.

        Call it after `collect`; each handler is yielded once.
        """
        for pid in [pid for pid in self._held if pid in self._pids]:
            self._pids.remove(pid)
            yield pid, self._held.pop(pid)
        if not self._starting:
            self._held.clear()

    def settle(self, seconds: float) -> None:
        """Wait until nothing is being started any more, but no longer than this."""
        deadline = time.monotonic() + seconds
        while len(self._results) < self._starting and time.monotonic() < deadline:
            time.sleep(0.001)
