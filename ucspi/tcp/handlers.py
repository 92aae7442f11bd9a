"""Handlers: started, known by pid, reaped.

A child that we did not start, inherited through exec, is reaped like any other
and not counted.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ucspi.unix.spawn import Spawner


class Handlers:
    """Every handler of a server that is running."""

    __slots__ = ("_pids", "_spawn")

    def __init__(self, spawner: "Spawner") -> None:
        """Begin with none."""
        self._spawn = spawner.spawn
        self._pids: set[int] = set()

    def start(self, connection: int, variables: bytes, log: bytes) -> None:
        """Start a handler on a connection, which is given away; see `Spawner.spawn`.

        Raises:
            OSError: there is no new process.
        """
        self._pids.add(self._spawn(connection, variables, log))

    def reap(self) -> "Iterator[tuple[int, int]]":
        """Yield (pid, wait status) of every handler that has ended, each once, without waiting."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._pids:
                self._pids.remove(pid)
                yield pid, status
