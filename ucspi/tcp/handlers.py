"""Handlers: started, known by pid, reaped.

A child that we did not start, inherited through exec, is reaped like any other
and not counted.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ucspi.tcp.connection import Connection
    from ucspi.unix.spawn import Spawner


class Handlers:
    """Every handler of a server that is running, by pid."""

    __slots__ = ("_connections", "_spawn")

    def __init__(self, spawner: "Spawner") -> None:
        """Begin with none."""
        self._spawn = spawner.spawn
        self._connections: dict[int, Connection] = {}

    def start(self, connection: "Connection", variables: bytes, log: bytes) -> int:
        """Start a handler on a connection, whose descriptor is given away; see `Spawner.spawn`.

        Raises:
            OSError: there is no new process.
        """
        pid = self._spawn(connection.release(), variables, log)
        self._connections[pid] = connection
        return pid

    def reap(self) -> "Iterator[tuple[int, int, Connection]]":
        """Yield pid, wait status and connection of every handler that has ended, each once."""
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

    def signal(self, number: int) -> None:
        """Send a signal to every handler; one that has ended meanwhile is only not reaped yet.

        One that has become another user may be out of our reach: it is left alone.
        """
        for pid in self._connections:
            try:
                os.kill(pid, number)
            except PermissionError:
                pass
