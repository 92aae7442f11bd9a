"""Handlers: started, known by pid, reaped.

A handler can end, and be reaped, before its start has reported the pid: such
a status is held while any start is under way.  When none is, an unknown pid
is a stranger's, inherited through exec: reaped, and not counted.
"""

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.unix.spawn import Spawner


class Handlers:
    """Every handler of a server that is being started or is running."""

    __slots__ = ("_held", "_pids", "_spawner", "_starting")

    def __init__(self, spawner: "Spawner") -> None:
        """Begin with none."""
        self._spawner = spawner
        self._pids: set[int] = set()
        self._held: dict[int, int] = {}  # statuses by pid, their handler not yet known
        self._starting = 0

    def start(self, connection: int, variables: bytes, log: bytes) -> None:
        """Start a handler on a connection, which is given away; see `Spawner.start`."""
        self._spawner.start(connection, variables, log)
        self._starting += 1

    def settle(self) -> tuple[list[int], list[tuple[int, int]]]:
        """Take note of what has happened, without waiting.

        Returns:
            The errno of each start that failed, and (pid, wait status) of each
            handler that ended; each is reported once.
        """
        self._reap()
        failed = self._collect()
        ended = [(pid, self._held.pop(pid)) for pid in self._pids & self._held.keys()]
        self._pids.difference_update([pid for pid, _ in ended])
        if not self._starting:
            self._held.clear()
        return failed, ended

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._held[pid] = status

    def _collect(self) -> list[int]:
        failed: list[int] = []
        # A status without its pid can only wait for a start to report; what has
        # all its pids needs no waking, the ends of the handlers will do.
        for result in self._spawner.collect(not self._held.keys() <= self._pids):
            self._starting -= 1
            if result < 0:
                failed.append(-result)
            else:
                self._pids.add(result)
        return failed

    def finish_starting(self, seconds: float) -> None:
        """Wait until every start is carried out, but no longer than this."""
        deadline = time.monotonic() + seconds
        while self._starting and time.monotonic() < deadline:
            self._collect()
            time.sleep(0.001)
