"""Servers to load, and what loads them; for the other scripts."""

import os
import resource
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ratios import ROOT, program

ORIGINAL = "/usr/bin/tcpserver"
PATIENCE = 100.0  # seconds for anything


def compile_c(source: str, directory: Path) -> Path:
    """Compile one of the C programs beside this file."""
    target = directory / Path(source).stem
    bare = source in ("six.c", "hold.c", "up.c")
    flags = ["-std=c11", "-O2", "-static", *(["-nostartfiles"] if bare else [])]
    subprocess.run(["cc", *flags, "-o", str(target), str(ROOT / "bench" / source)], check=True)
    return target


@contextmanager
def running(
    command: list[str],
    arguments: list[str],
    environ: Mapping[str, str] | None = None,
    *,
    quiet: bool = False,
) -> Iterator[tuple[int, int]]:
    """Run a server that prints its port, the kernel's choice; yield pid and port.

    ``quiet`` drops what it and its handlers log.
    """
    log = subprocess.DEVNULL if quiet else None
    server = subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=log, cwd="/", env=environ
    )
    try:
        assert server.stdout is not None
        yield server.pid, int(server.stdout.readline())
    finally:
        server.terminate()
        server.wait(10)


@contextmanager
def both(arguments: list[str], other: list[str] | None = None) -> Iterator[tuple[int, int]]:
    """Run our server and the original with the same arguments, or others; yield the ports."""
    with running(program("tcpserver"), arguments) as ours, running([ORIGINAL], other or arguments) as peer:
        yield ours[1], peer[1]


class Load:
    """Loads one server; remembers the percentiles of every run."""

    def __init__(self, load: Path, port: int, count: int, clients: int, size: int, *more: str) -> None:
        """Take the compiled load program and how to call it."""
        self._command = [str(load), str(port), str(count), str(clients), str(size), *more]
        self.percentiles: list[list[float]] = []

    def __call__(self) -> float:
        """Return connections per second."""
        done = subprocess.run(self._command, capture_output=True, timeout=300)
        if done.returncode:
            raise SystemExit(done.stderr.decode())
        rate, *percentiles = map(float, done.stdout.split())
        self.percentiles.append(percentiles)
        return rate

    def latencies(self) -> str:
        """Return the median, over the runs, of each percentile, in milliseconds."""
        middle = [statistics.median(column) for column in zip(*self.percentiles, strict=True)]
        return " / ".join(f"{value / 1000:.2f}" for value in middle)


class CostedLoad(Load):
    """Loads one server; remembers, too, what each run has cost the server and its handlers.

    Attributes:
        costs: microseconds of processor time for each connection of each run.
    """

    def __init__(self, server: tuple[int, int], load: Path, count: int, clients: int, *more: str) -> None:
        """Take the pid and the port of the server; ``more`` begins with the size."""
        super().__init__(load, server[1], count, clients, int(more[0]), *more[1:])
        self._pid, self._count = server[0], count
        self.costs: list[float] = []

    def __call__(self) -> float:
        """Return connections per second."""
        before = processor(self._pid)
        rate = super().__call__()
        self.costs.append((processor(self._pid) - before) * 1e6 / self._count)
        return rate


def tail(ours: Load, peer: Load) -> str:
    """Return how many times as long as the peer's our 99th percentile is: median and spread."""
    pairs = zip(ours.percentiles[1:], peer.percentiles[1:], strict=True)  # the first run warmed up
    ratios = [mine[2] / theirs[2] for mine, theirs in pairs]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def await_greeting(client: socket.socket) -> None:
    """Wait until the handler has said its six bytes."""
    if client.recv(6) != b"hello\n":
        raise SystemExit("a held connection was refused")


@contextmanager
def held(port: int, count: int, begin: Callable[[socket.socket], object] = await_greeting) -> Iterator[None]:
    """Hold connections open, after each has begun in a way."""
    allow_descriptors(count + 100)
    clients: list[socket.socket] = []
    try:
        for number in range(count):
            client = socket.socket()
            clients.append(client)
            client.settimeout(PATIENCE)
            client.bind((f"127.0.1.{1 + number % 200}", 0))
            client.connect(("127.0.0.1", port))
            begin(client)
        yield
    finally:
        for client in clients:
            client.close()


def allow_descriptors(count: int) -> None:
    """Raise the soft limit of open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


def free_port() -> int:
    """Return a port that nobody uses, for servers that cannot say which one they got."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def await_port(port: int) -> None:
    """Wait until somebody listens on a port."""
    deadline = time.monotonic() + 10
    wanted = f":{port:04X}"
    while time.monotonic() < deadline:
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            _, local, _, state = line.split()[:4]
            if state == "0A" and local.endswith(wanted):
                return
        time.sleep(0.01)
    raise SystemExit(f"nobody listens on port {port}")


def resident(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"process {pid} is gone")


def processor(pid: int) -> float:
    """Return the seconds of processor time of a process and of those that it has reaped."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> int:
    """Return how many processes have this parent."""
    return len(_children(pid))


def proportional(pid: int) -> int:
    """Return the proportional set size of all that a process has started, in KB."""
    total = 0
    for child in _children(pid):
        total += proportional(child)
        for line in Path(f"/proc/{child}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
