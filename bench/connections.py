"""Connections per second, accepted and denied: ours against the original.

The two servers run side by side all the time; the load goes to one, then to the
other.  The handler is a static C program that writes six bytes.
"""

import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ratios import ROOT, Measure, columns, compare, faster_by_rate, header, options, program

PEER = "/usr/bin/tcpserver"
RULES = b'10.:allow\n192.168.:allow,RELAYCLIENT=""\n127.:deny\n:allow\n'


def compile_c(source: str, directory: Path) -> Path:
    """Compile one of the C programs beside this file."""
    target = directory / Path(source).stem
    command = ["cc", "-std=c11", "-O2", "-static", "-o", str(target), str(ROOT / "bench" / source)]
    subprocess.run(command, check=True)
    return target


@contextmanager
def running(command: list[str], arguments: list[str]) -> Iterator[int]:
    """Run a server on a port of the kernel's choice and yield the port."""
    server = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, cwd="/")
    try:
        assert server.stdout is not None
        yield int(server.stdout.readline())
    finally:
        server.terminate()
        server.wait(10)


class Load:
    """Loads one server; remembers the percentiles of every run."""

    def __init__(self, load: Path, port: int, count: int, clients: int, size: int) -> None:
        """Take the compiled load program and how to call it."""
        self._command = [str(load), str(port), str(count), str(clients), str(size)]
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
        """Return the median, over the runs, of each percentile."""
        middle = [statistics.median(column) for column in zip(*self.percentiles, strict=True)]
        return " / ".join(f"{value / 1000:.2f}" for value in middle)


def main() -> None:
    arguments = options(__doc__ or "")
    accepted, denied = (200, 200) if arguments.quick else (3000, 10000)
    header([f"{PEER} (ucspi-tcp 0.88)"])
    columns("connections/s", faster_by_rate)
    rows: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        load, six = compile_c("load.c", directory), compile_c("six.c", directory)
        rules = directory / "rules.cdb"
        subprocess.run(["/usr/bin/tcprules", rules, f"{name}/tmp"], input=RULES, check=True)
        for clients in (1, 16):
            plain = ["-1HRl0", "-c100", "127.0.0.1", "0", str(six)]
            rows += contest(
                f"accepted, {clients} at once", plain, load, accepted, clients, 6, arguments.rounds
            )
        for clients in (1, 16):
            judged = ["-1HRl0", "-c100", "-x", str(rules), "127.0.0.1", "0", str(six)]
            rows += contest(f"denied, {clients} at once", judged, load, denied, clients, 0, arguments.rounds)
    print("\n| milliseconds of a connection | 50 % / 90 % / 99 % / longest |\n| --- | --- |")
    print("\n".join(rows))


def contest(
    subject: str, line: list[str], load: Path, count: int, clients: int, size: int, rounds: int
) -> list[str]:
    """Compare the two servers under one load; return the rows about latencies."""
    with running(program("tcpserver"), line) as ours, running([PEER], line) as peer:
        sides: list[Load] = [Load(load, port, count, clients, size) for port in (ours, peer)]
        measures: list[Measure] = list(sides)
        compare(subject, measures[0], measures[1], rounds, faster_by_rate)
    return [
        f"| {subject}: {who} | {side.latencies()} |"
        for who, side in zip(("ours", "peer"), sides, strict=True)
    ]


if __name__ == "__main__":
    os.chdir("/")
    main()
