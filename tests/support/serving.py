"""Starting our tcpserver for a test, and owning its end."""

import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import ucspi
from tests.support.commands import ours
from tests.support.patience import PATIENCE

PACKAGE = Path(ucspi.__file__).parent.parent  # the checkout, or where a wheel was installed
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PACKAGE)}
COMMAND = tuple(ours("tcpserver"))
WITHOUT_COMPILER = ("the compiled module is missing", "started by a script, not by its launcher")


class Served:
    """A running server: its port, its process and the lines it has written."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self.port, self.log = process, port, log

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        """Connect from a loopback address."""
        client = socket.socket()
        client.settimeout(PATIENCE)
        client.bind((source, 0))
        client.connect(("127.0.0.1", self.port))
        return client

    def more_ports(self, count: int) -> list[int]:
        """Return the ports of further listeners, in the order of the command line."""
        assert self.process.stdout is not None
        return [int(self.process.stdout.readline()) for _ in range(count)]

    def lines(self) -> list[str]:
        """Return what is in the log, but for what a build says first that was made without a compiler."""
        lines = self.log.read_text("latin-1").splitlines()
        return [line for line in lines if not any(said in line for said in WITHOUT_COMPILER)]

    def wait_for(self, wanted: Callable[[list[str]], bool]) -> list[str]:
        """Return the log's lines once they are as wanted."""
        deadline = time.monotonic() + PATIENCE
        while not wanted(lines := self.lines()):
            assert time.monotonic() < deadline, lines
            assert self.process.poll() is None, lines
            time.sleep(0.01)
        return lines

    def stop(self) -> int:
        """Ask the server to stop; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@contextmanager
def serving(
    folder: Path,
    options: Sequence[str],
    handler: Sequence[str],
    *,
    host: str = "127.0.0.1",
    command: Sequence[str] = COMMAND,
    before: Callable[[], None] | None = None,
    pass_fds: Sequence[int] = (),
) -> Iterator[Served]:
    """Run a server on a free port, its log in a file; kill it in the end."""
    log = folder / "log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [*command, "-1", *options, host, "0", *handler],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=folder,
            env=ENVIRONMENT,
            preexec_fn=before,
            pass_fds=pass_fds,
        )
    try:
        assert process.stdout is not None
        ready = select.select([process.stdout], [], [], PATIENCE)[0]
        port = process.stdout.readline() if ready else b""
        assert port, log.read_text("latin-1")
        yield Served(process, int(port), log)
    finally:
        process.kill()
        process.wait(PATIENCE)
        process.stdout.close()  # type: ignore[union-attr]


def hold(served: Served, source: str = "127.0.0.1") -> socket.socket:
    """Connect, and see that a handler serves, which is ``cat``."""
    client = served.connect(source)
    client.sendall(b"x")
    assert client.recv(1) == b"x"
    return client


def read_all(client: socket.socket) -> bytes:
    """Return everything up to the end of the connection; a reset is an end."""
    text = b""
    try:
        while block := client.recv(4096):
            text += block
    except ConnectionResetError:
        pass
    return text
