"""The handlers of a server: starting them, and reaping those that have ended.

The server may have inherited children through exec.  They are reaped, but not
counted.

`waitpid(-1)` looks through all children.  With thousands of them that takes
longer than serving a client.  So with many handlers, the newest are polled by
pid: they are the likeliest to have ended, and a poll by pid costs the same with
any number of children.  A full scan may use at most 1/30 of the time, unless
the limit is reached.
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

FEW = 100  # up to so many handlers, every scan is a full one
NEWEST = 32  # the newest handlers, which are polled by pid
MISSES = 8  # a poll stops after so many running handlers in a row behind an ended one
FOUND = 16  # after so many ended children in one scan, polling every pid is cheaper
REST = 30  # a full scan is followed by a rest of so many times its duration
REST_MAX = 0.1  # seconds: the longest such rest


class Handlers:
    """The running handlers of a server, by pid.

    Attributes:
        due: when `reap` must be called at the latest, in monotonic seconds, or None.
    """

    __slots__ = ("_connections", "_rest_until", "_spawn", "due")

    def __init__(self, spawner: "Spawner") -> None:
        self._spawn = spawner.spawn
        self._connections: dict[int, Connection] = {}
        self._rest_until = 0.0  # monotonic seconds
        self.due: float | None = None

    def start(self, connection: "Connection", variables: bytes, log: bytes) -> int:
        """Start a handler for a connection, and give it the descriptor; return its pid.  See `Spawner.spawn`.

        Raises:
            OSError: no process could be made.
        """
        pid = self._spawn(connection.release(), variables, log, connection.release_output())
        try:
            self._connections[pid] = connection
        except MemoryError:
            memoryreserve.give_up()
            self._connections[pid] = connection
        connection.pid = pid
        return pid

    def reap(self, *, all_of_them: bool = False) -> "Iterator[Ended]":
        """Yield handlers that have ended, each once; if some may be lost, set `due`."""
        if len(self._connections) <= FEW:
            self.due = None
            yield from self._scan()
            return
        yield from self._poll_each(list(islice(reversed(self._connections), NEWEST)), MISSES)
        begin = time.monotonic()
        if begin < self._rest_until and not all_of_them:
            self.due = self._rest_until
            return
        self.due = None
        yield from self._scan()
        end = time.monotonic()
        self._rest_until = end + min(REST * (end - begin), REST_MAX)

    def lost(self) -> "Iterator[Ended]":
        """Yield handlers that were reaped, but not yielded because memory ran out.

        Their wait status is lost; it is reported as exit code 111.
        """
        for pid in list(self._connections):
            try:
                ended, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                ended, status = pid, EXIT_TEMPORARY << 8
            if ended:
                yield pid, status, self._connections.pop(pid)

    def is_due(self) -> bool:
        """Return whether it is time for the next `reap`, even without a SIGCHLD."""
        return self.due is not None and time.monotonic() >= self.due

    def _scan(self) -> "Iterator[Ended]":
        """Yield all handlers that have ended, by a full scan."""
        found = 0
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            connection = self._connections.pop(pid, None) or self._of_unknown(pid, status)
            if connection is not None:
                yield pid, status, connection
            found += 1
            if found == FOUND and len(self._connections) > FEW:
                yield from self._poll_each(list(self._connections), len(self._connections))

    def _of_unknown(self, pid: int, status: int) -> "Connection | None":
        """Return the client of a child that was reaped and is no handler that is known; None: it has none."""
        return None

    def _poll_each(self, pids: list[int], misses: int) -> "Iterator[Ended]":
        """Yield those of some handlers that have ended; behind one, stop after so many running in a row."""
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
        """Send a signal to every handler.

        A handler that has ended is not reaped yet, so its pid is still its own.  A
        handler that runs as another user may be out of reach; it gets no signal.
        """
        for pid in self._connections:
            try:
                os.kill(pid, number)
            except PermissionError:
                pass

    def send(self, connection: "Connection", number: int) -> bool:
        """Send a signal to the handler of one client, if it can be reached; return False if it is not known.

        That is so before it is started, and once it has been reaped or serves another client.
        """
        if self._connections.get(connection.pid) is not connection:
            return False
        try:
            os.kill(connection.pid, number)
        except PermissionError:
            pass
        return True

    def open(self, connection: "Connection") -> int:
        """Return a descriptor of the process that serves one client, which the caller closes; -1: none."""
        if self._connections.get(connection.pid) is not connection:
            return -1
        try:
            return os.pidfd_open(connection.pid)
        except OSError:
            return -1
