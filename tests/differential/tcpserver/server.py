"""Starts one tcpserver, talks to it, and records all that it shows.

The server's descriptor 2 is one end of a SOCK_SEQPACKET pair: each write of the
server or of a child arrives as one message, so a test can tell how many writes
made the log.  Every process that a server starts stays in the server's process
group, and the group is killed in the end.
"""

import os
import re
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.differential.tcpserver.connection import Connection, Prepare, no_options
from tests.differential.tcpserver.words import Words
from tests.support.patience import PATIENCE
from tests.support.probe import Report, parse, split

QUIET = 0.05  # seconds without a log line that end a conversation


# What ours says first, with -v, where it was built without a compiler.
WITHOUT_COMPILER = (
    b"tcpserver: the compiled module is missing: handlers are forked, which is slower\n",
    b"tcpserver: started by a script, not by its launcher: PYTHON variables have a say in it\n",
)


@dataclass(frozen=True)
class Launch:
    """How to start a server.  ``setup`` is shell text run before it, in its process."""

    options: tuple[bytes, ...] = ()
    host: bytes = b"127.0.0.1"
    port: bytes = b"0"
    handler: tuple[bytes, ...] = (b"./probe",)
    setup: bytes = b""
    environment: tuple[tuple[bytes, bytes], ...] = ((b"PATH", b"/usr/bin:/bin"),)
    directory: Path = Path("/")

    def command(self, program: bytes) -> list[bytes]:
        line = [program, *self.options, self.host, self.port, *self.handler]
        if not self.setup:
            return line
        return [b"/bin/sh", b"-c", self.setup + b'\nexec "$@"', b"sh", *line]


@dataclass(frozen=True)
class Answer:
    """What one client got: bytes before the report, the report, how it ended."""

    before: bytes
    report: Report | None
    end: str


@dataclass
class Observation:
    """All that a server showed in one case."""

    exit_code: int | None = None
    stdout: bytes = b""
    lines: tuple[bytes, ...] = ()
    writes: int = 0
    answers: list[Answer] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)


class Server:
    def __init__(self, program: bytes, launch: Launch) -> None:
        """Start it; nothing is known yet about whether it listens."""
        self._log, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._log.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._log.setblocking(False)
        self.process: subprocess.Popen[bytes] = subprocess.Popen(
            launch.command(program),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs.fileno(),
            env=dict(launch.environment),
            cwd=launch.directory,
            process_group=0,
        )
        theirs.close()
        self.pid = self.process.pid
        self.port = 0
        self.messages: list[bytes] = []
        self.connections: list[Connection] = []
        self._stdout = b""

    @property
    def log(self) -> bytes:
        """All bytes written to descriptor 2 so far."""
        while True:
            try:
                message = self._log.recv(65536)
            except BlockingIOError:
                break
            if not message:
                break
            if message not in WITHOUT_COMPILER:
                self.messages.append(message)
        return b"".join(self.messages)

    def wait_for(self, what: str, condition: Callable[[bytes], bool], seconds: float = PATIENCE) -> bool:
        """Wait until the log fulfils a condition; say whether it did in time."""
        end = time.monotonic() + seconds
        while not condition(self.log):
            left = end - time.monotonic()
            if left <= 0:
                return False
            if select.select([self._log], [], [], left)[0] and self._at_end():
                return condition(self.log)
        return True

    def _at_end(self) -> bool:
        try:
            return self._log.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False

    def wait_until_ready(self) -> bool:
        """Wait for the port line of ``-1``; False when the server ended instead."""
        assert self.process.stdout is not None
        end = time.monotonic() + PATIENCE
        while b"\n" not in self._stdout:
            left = end - time.monotonic()
            assert left > 0, f"not ready in {PATIENCE} s: {self.log!r}"
            if select.select([self.process.stdout], [], [], left)[0]:
                piece = os.read(self.process.stdout.fileno(), 4096)
                if not piece:
                    return False
                self._stdout += piece
        self.port = int(self._stdout.split(b"\n")[0])
        return True

    def wait_until_listening(self, port: int) -> bool:
        """Wait until something listens at a port; for servers without ``-1``."""
        pattern = re.compile(rb":%04X 00000000:0000 0A " % port)
        end = time.monotonic() + PATIENCE
        while not pattern.search(Path("/proc/net/tcp").read_bytes()):
            if self.process.poll() is not None or time.monotonic() > end:
                return False
            time.sleep(0.005)
        self.port = port
        return True

    def connect(
        self,
        source: str = "127.0.0.1",
        to: str = "127.0.0.1",
        prepare: Prepare = no_options,
    ) -> Connection:
        """Open a connection, remembered in order for the observation."""
        connection = Connection((to, self.port), source, prepare)
        self.connections.append(connection)
        return connection

    def settle(self) -> None:
        """Wait until every child's end is logged (at ``-v``) and the log is quiet."""
        self.wait_for("the last end", _balanced, 5)
        while select.select([self._log], [], [], QUIET)[0] and not self._at_end():
            _ = self.log

    def terminate(self) -> int:
        """Send TERM unless it ended by itself; return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def observe(self) -> Observation:
        """End the server and return what it showed, ports and pids as words."""
        code = self.terminate()
        assert self.process.stdout is not None
        if self._stdout == b"" and select.select([self.process.stdout], [], [], 0)[0]:
            self._stdout = os.read(self.process.stdout.fileno(), 4096)
        stdout = self._stdout.replace(b"%d\n" % self.port, b"PORT\n") if self.port else self._stdout
        words = Words(self.pid, self.port, self.connections, self.log)
        lines = tuple(words.line(line) for line in self.log.splitlines(keepends=True))
        answers = [
            self._answer(n, connection, words.pids) for n, connection in enumerate(self.connections, 1)
        ]
        return Observation(code, stdout, lines, len(self.messages), answers)

    def _answer(self, number: int, connection: Connection, pids: dict[int, str]) -> Answer:
        before, report = split(connection.received)
        words = {
            b"TCPLOCALPORT=%d" % self.port: b"PORT",
            b"TCPREMOTEPORT=%d" % connection.port: b"CLIENT-%d" % number,
        }
        parsed = None if report is None else parse(report, words, pids)
        return Answer(before, parsed, connection.end)

    def close(self) -> None:
        """Kill what is left of it and of its children."""
        for connection in self.connections:
            connection.socket.close()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()


def _balanced(log: bytes) -> bool:
    begun = len(re.findall(rb"^tcpserver: pid ", log, re.MULTILINE))
    ended = re.findall(rb"^tcpserver: end .*\ntcpserver: status: ", log, re.MULTILINE)
    return len(ended) >= begun


@contextmanager
def running(program: bytes, launch: Launch) -> Iterator[Server]:
    """Run a server for the length of a block."""
    server = Server(program, launch)
    try:
        yield server
    finally:
        server.close()
