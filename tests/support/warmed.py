"""A link behind a server, three ways: the originals, our server with links executed, our server with steps.

The client's view, the wait status of each handler and its lines on stderr must be alike.
"""

import ctypes
import os
import re
import select
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import COMMANDS
from tests.support.oracles import ORACLE_DIRECTORIES, Oracle
from tests.support.patience import PATIENCE, wait_for
from tests.support.processes import family
from tests.support.serving import read_all
from ucspi.unix import chain, native

if TYPE_CHECKING:
    from collections.abc import Iterator

ORIGINALS = os.pathsep.join(map(str, ORACLE_DIRECTORIES))
OURS = os.pathsep.join([str(COMMANDS), ORIGINALS])
ENDED = re.compile(rb"tcpserver: end \d+ status (\d+)\n")
IN_OPEN = 0x20
# There are steps only where commands are launched and the child can take them.
CAN_BE_WARM = (
    native.lib is not None
    and (COMMANDS / "tcpserver").exists()
    and ((COMMANDS / "tcpserver").read_bytes()[:4] == b"\x7fELF")
)

Outcome = tuple[bytes, int, bytes]  # what the client got, the wait status, the other lines on stderr


class Server:
    """A running server, its log in a file.

    ``path``: the PATH that it has like all others, so that it can be compared; None: one of its own.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path, path: str | None = None) -> None:
        assert process.stdout is not None
        ready = select.select([process.stdout], [], [], PATIENCE)[0]
        port = process.stdout.readline() if ready else b""
        assert port, log.read_bytes()
        self.process, self.port, self._log, self._read = process, int(port), log, 0
        self.folder = log.parent
        self._own = rb"UCSPI_WARM" if path is not None else rb"UCSPI_WARM|PATH"

        def accepts() -> bool:
            assert process.poll() is None, log.read_bytes()
            return b"tcpserver: status: 0/" in log.read_bytes()

        wait_for(accepts, lambda: f"a server does not accept: {log.read_bytes()!r} {family(process.pid)}")

    def visit(self, say: bytes = b"") -> Outcome:
        """Be a client that sends all it has at once; wait for the end of the handler."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:
            source = client.getsockname()[1]
            try:
                client.sendall(say)
                client.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # who was there has gone without listening
            text = read_all(client)
        deadline = time.monotonic() + PATIENCE
        while not (ended := ENDED.search(log := self._new_lines())):
            assert time.monotonic() < deadline, log
            time.sleep(0.01)
        self._read += len(log)
        kept = [line for line in log.splitlines(keepends=True) if not line.startswith(b"tcpserver: ")]
        dropped = [line for line in log.splitlines(keepends=True) if b": dropping connection" in line]
        return self._plain(text, source), int(ended[1]), self._plain(b"".join(dropped + kept), source)

    def _new_lines(self) -> bytes:
        """Return what was logged since the last client; of a line that is being written nothing yet."""
        log = self._log.read_bytes()[self._read :]
        return log[: log.rfind(b"\n") + 1]

    def _plain(self, text: bytes, source: int) -> bytes:
        """Replace what differs between two servers, and between two clients."""
        for number, name in ((source, b"SOURCE"), (self.port, b"PORT"), (self.process.pid, b"SERVER")):
            text = re.sub(rb"\b%d\b" % number, name, text)
        text = re.sub(rb"(?<![^\0\n])(?:%s)=[^\0\n]*[\0\n]" % self._own, b"", text)
        return re.sub(rb"\b(pid) \d+\b", rb"\1", text)


def require_memory_of_missing_names(directory: Path) -> None:
    """Skip where a file system, as tmpfs, is asked anew for each name that it does not have."""
    if chain.look(bytes(directory / "missing")) is None:
        pytest.skip("this file system does not remember that a name is missing")


@contextmanager
def started(
    folder: Path,
    way: str,
    handler: Sequence[str | bytes],
    *,
    options: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    path: str | None = None,
    program: Path | None = None,
    behind: Sequence[str | Path] = (),
    before: Callable[[], object] | None = None,
) -> "Iterator[tuple[subprocess.Popen[bytes], Path]]":
    """Start a server one way: ``original``, ``cold`` or ``warm``; give it and its log; kill it in the end."""
    program = program or (Path("/usr/bin/tcpserver") if way == "original" else COMMANDS / "tcpserver")
    given = {"PATH": path or (ORIGINALS if way == "original" else OURS), **(environ or {})}
    if way == "cold":
        given["UCSPI_WARM"] = "0"
    log = folder / f"log.{way}"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [*behind, str(program), "-1vHRl0", *options, "127.0.0.1", "0", *handler],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=folder,
            env=given,
            preexec_fn=before,
        )
    try:
        yield process, log
    finally:
        process.kill()
        process.wait(PATIENCE)
        process.stdout.close()  # type: ignore[union-attr]


@contextmanager
def server(
    folder: Path,
    way: str,
    handler: Sequence[str | bytes],
    *,
    options: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    path: str | None = None,
    program: Path | None = None,
    behind: Sequence[str | Path] = (),
    before: Callable[[], object] | None = None,
) -> "Iterator[Server]":
    """Run a server one way: ``original``, ``cold`` or ``warm``; kill it in the end."""
    with started(
        folder,
        way,
        handler,
        options=options,
        environ=environ,
        path=path,
        program=program,
        behind=behind,
        before=before,
    ) as (process, log):
        yield Server(process, log)


@contextmanager
def servers(
    oracle: Oracle,
    folder: Path,
    handlers: Mapping[str, Sequence[str | bytes]],
    *,
    options: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    path: str | None = None,
    behind: Sequence[str | Path] = (),
    before: Callable[[], object] | None = None,
) -> "Iterator[dict[str, Server]]":
    """Run a server for each way, all at once, each with its own handler."""
    oracle("tcpserver")
    with ExitStack() as running:
        made = {
            way: running.enter_context(
                started(
                    folder,
                    way,
                    handler,
                    options=options,
                    environ=environ,
                    path=path,
                    behind=behind,
                    before=before,
                )
            )
            for way, handler in handlers.items()
        }
        yield {way: Server(process, log, path) for way, (process, log) in made.items()}


def three_ways(
    oracle: Oracle,
    folder: Path,
    handler: Sequence[str | bytes],
    *,
    say: bytes = b"",
    options: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    before: Callable[[], object] | None = None,
    ways: Sequence[str] = ("original", "cold", "warm"),
) -> Outcome:
    """Run a command line behind each server, for two clients; all outcomes must be alike.  Return it.

    ``ways`` leaves out one that is known to differ, and why is in docs/differences.md.
    """
    handlers = dict.fromkeys(ways, handler)
    with servers(oracle, folder, handlers, options=options, environ=environ, before=before) as running:
        outcomes = {way: [running[way].visit(say), running[way].visit(say)] for way in ways}
    first = outcomes[ways[0]]
    for way in ways[1:]:
        assert outcomes[way] == first, (way, handler)
    return first[0]


class Executed:
    """Says whether a file was opened, as an exec does and a glance does not."""

    def __init__(self, path: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._events = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self._events >= 0
        assert self._libc.inotify_add_watch(self._events, bytes(path), IN_OPEN) >= 0

    def count(self) -> int:
        """Return how often it was opened since this was last asked."""
        found = 0
        while True:
            try:
                text = os.read(self._events, 65536)
            except BlockingIOError:
                return found
            while text:
                found += 1
                text = text[16 + struct.unpack_from("=I", text, 12)[0] :]

    def close(self) -> None:
        os.close(self._events)
