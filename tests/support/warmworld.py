"""A server's handlers with a stem that is none of ours, and clients: all but the server's loop."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.support import standinstem
from tests.support.patience import wait_for
from tests.support.processes import children
from ucspi.tcp.connection import Connection
from ucspi.tcp.server.warmhandlers import WarmHandlers
from ucspi.unix.chain import Ending
from ucspi.unix.oom import Shield
from ucspi.unix.stem import Stem
from ucspi.unix.stemchannel import pack_base

BASE = pack_base([b"A=1"], [])


class Stems:
    """Starts stems of a behaviour; what is cold it only notes."""

    native = True

    def __init__(self, folder: Path, behaviour: str, keep: int) -> None:
        self.folder, self.behaviour = folder, behaviour
        self.ending = Ending([], [], keep)
        self.shield = Shield()
        self.cold: list[tuple[int, bytes, bytes]] = []
        self.is_same = True
        self.stems: list[Stem] = []
        self.children: list[subprocess.Popen[bytes]] = []

    def is_preparing(self) -> bool:
        return False

    def is_as_read(self, variables: bytes) -> bool:
        return self.is_same

    def spawn(self, connection: int, variables: bytes, log: bytes, output: int = -1) -> int:
        """Start a process that serves cold: it copies one byte, and ends with code 0."""
        self.cold.append((connection, variables, log))
        try:
            return os.posix_spawn(
                "/bin/head",
                ["head", "-c1"],
                {},
                file_actions=[(os.POSIX_SPAWN_DUP2, connection, 0), (os.POSIX_SPAWN_DUP2, connection, 1)],
            )
        finally:
            os.close(connection)

    def stem(self) -> Stem:
        self.stems.append(Stem(self._start, BASE))
        return self.stems[-1]

    def _start(self, variables: bytes, descriptors: list[int]) -> int:
        given = [variable.partition(b"=") for variable in variables.rstrip(b"\0").split(b"\0")]
        command = [sys.executable, standinstem.__file__, self.behaviour]
        environ = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            **{os.fsdecode(name): os.fsdecode(value) for name, _, value in given},
        }
        child = subprocess.Popen(command, env=environ, pass_fds=descriptors, cwd=self.folder)
        self.children.append(child)
        child.returncode = 0  # we reap it, and subprocess shall not
        return child.pid


class Warnings:
    """A report that keeps warnings."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def warn(self, text: bytes) -> None:
        self.lines.append(text)


class World:
    """Warm handlers and their clients."""

    def __init__(self, folder: Path, behaviour: str, keep: int = 1, limit: int = 1000) -> None:
        self._others = set(children(os.getpid()))  # of earlier tests: they are none of ours
        self.stems, self.report = Stems(folder, behaviour, keep), Warnings()
        self.handlers = WarmHandlers(self.stems, self.report, 2, limit)  # type: ignore[arg-type]  # they look so
        self.failed: list[tuple[Connection, int | None]] = []
        self.ended: list[tuple[int, int, Connection]] = []
        self.clients: dict[Connection, socket.socket] = {}
        self.handlers.tell(lambda connection, error: self.failed.append((connection, error.errno)), None)

    def start(self, log: bytes = b"") -> Connection:
        ours, theirs = socket.socketpair()
        connection = Connection(ours.detach(), b"127.0.0.1", 1, b"127.0.0.1", 2)
        self.clients[connection] = theirs
        self.handlers.start(connection, b"B=2\0", log)
        return connection

    def turn(self) -> None:
        self.ended += self.handlers.reap()
        self.ended += self.handlers.turn(is_called=True)

    def until(self, reached: Callable[[], object]) -> None:
        def is_reached() -> bool:
            self.turn()
            return bool(reached())

        wait_for(is_reached, lambda: f"{self.report.lines} {self.failed} {self.ended}")

    def text(self, connection: Connection) -> bytes:
        client = self.clients[connection]
        client.settimeout(20)
        return client.recv(100)

    def close(self, connection: Connection) -> None:
        self.clients.pop(connection).close()

    def finish(self) -> None:
        for client in self.clients.values():
            client.close()
        self.handlers.finish()
        for kept in list(self.handlers._pool.by_answers.values()):
            self.handlers._pool.let_go(kept)  # as the end of a server does
        for child in self.stems.children:
            try:
                os.kill(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for _, _, connection in self.ended:
            assert connection.descriptor < 0
        while left := set(children(os.getpid())) - self._others:
            os.waitpid(left.pop(), 0)
        for each in self.stems.stems:
            each.close()
