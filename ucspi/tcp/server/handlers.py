"""Handlers: started, known by pid, reaped.

A child that we did not start, inherited through exec, is reaped like any other
and not counted.

The system looks through all children for one that has ended, and among
thousands that takes longer than to serve a client.  So among many the youngest,
which are the likeliest to have ended, are asked for by pid, which costs the same
however many there are, and all of them only in a small share of the time.
"""

import os
import time
from itertools import islice

from ucspi.errors import EXIT_TEMPORARY
from ucspi.unix import memoryreserve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ucspi.tcp.connection import Connection
    from ucspi.unix.spawn import Spawner

    Ended = tuple[int, int, Connection]  # pid, wait status

FEW = 100  # handlers among which the system finds an ended one at once
YOUNG = 32  # handlers asked for by pid,
MISSES = 8  # or as many in a row after one that has ended
FOUND = 16  # handlers after which it is cheaper to ask for each by pid
REST = 30  # times as long as a search among many no other one is made,
REST_MAX = 0.1  # but no longer than this, in seconds


class Handlers:
    """Every handler of a server that is running, by pid."""

    __slots__ = ("_connections", "_rest_until", "_spawn", "due")

    def __init__(self, spawner: "Spawner") -> None:
        """Begin with none."""
        self._spawn = spawner.spawn
        self._connections: dict[int, Connection] = {}
        self._rest_until = 0.0  # monotonic seconds
        self.due: float | None = None  # when `reap` is to be called at the latest, in monotonic seconds

    def start(self, connection: "Connection", variables: bytes, log: bytes) -> int:
        """Start a handler on a connection, whose descriptor is given away; see `Spawner.spawn`.

        Raises:
            OSError: there is no new process.
        """
        pid = self._spawn(connection.release(), variables, log)
        try:
            self._connections[pid] = connection
        except MemoryError:
            memoryreserve.give_up()
            self._connections[pid] = connection
        return pid

    def reap(self, *, all_of_them: bool = False) -> "Iterator[Ended]":
        """Yield handlers that have ended, each once: all, or else `due` says when to look again."""
        if len(self._connections) <= FEW:
            self.due = None
            yield from self._search()
            return
        yield from self._wait_for_each(list(islice(reversed(self._connections), YOUNG)), MISSES)
        begin = time.monotonic()
        if begin < self._rest_until and not all_of_them:
            self.due = self._rest_until
            return
        self.due = None
        yield from self._search()
        end = time.monotonic()
        self._rest_until = end + min(REST * (end - begin), REST_MAX)

    def missed(self) -> "Iterator[Ended]":
        """Yield handlers that were reaped without our knowing it, which want of memory may do.

        How they ended nobody knows any more; it is told as an exit code of 111.
        """
        for pid in list(self._connections):
            try:
                ended, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                ended, status = pid, EXIT_TEMPORARY << 8
            if ended:
                yield pid, status, self._connections.pop(pid)

    def is_due(self) -> bool:
        """Return whether it is time to reap, though nothing is known to have ended."""
        return self.due is not None and time.monotonic() >= self.due

    def _search(self) -> "Iterator[Ended]":
        """Find who has ended among all children."""
        found = 0
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            connection = self._connections.pop(pid, None)
            if connection is not None:
                yield pid, status, connection
            found += 1
            if found == FOUND and len(self._connections) > FEW:
                yield from self._wait_for_each(list(self._connections), len(self._connections))

    def _wait_for_each(self, pids: list[int], misses: int) -> "Iterator[Ended]":
        """Find who has ended among some of our own; after one, so many others in a row are the end."""
        patience = len(pids)
        for pid in pids:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                yield pid, status, self._connections.pop(pid)
                patience = misses
            else:
                patience -= 1
                if not patience:
                    return

    def signal(self, number: int) -> None:
        """Send a signal to every handler; one that has ended meanwhile is only not reaped yet.

        One that has become another user may be out of our reach: it is left alone.
        """
        for pid in self._connections:
            try:
                os.kill(pid, number)
            except PermissionError:
                pass
