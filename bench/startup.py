"""What it costs to start each program, against the bare interpreter.

Run it with the interpreter of an environment that has the wheel installed: a
checkout has no file with the code of all modules, which commands begin with.
"""

import os
import pwd
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ratios import Measure, columns, elapsed, header, longer, options, program, tell

BARE = [sys.executable, "-c", "pass"]
AT_ONCE = 20  # runs of each, in turn, of which the fastest quarter counts: others want the processor too
# What must not take longer than so many times the bare interpreter.
BARS = {
    "svc": 1.0,
    "svstat": 1.0,
    "setuidgid true": 1.0,
    "tcprules, two lines": 1.2,
    "tcpserver until it listens": 1.2,
}
TRIES = 4


def spawn(command: Sequence[str], output: int) -> int:
    actions = [(os.POSIX_SPAWN_DUP2, output, 1)]
    return os.posix_spawn(command[0], list(command), os.environ, file_actions=actions)


def end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def until_ready(command: Sequence[str]) -> float:
    """Return the milliseconds until a server has printed its port; then kill it."""
    read_end, write_end = os.pipe()
    start = time.perf_counter()
    pid = spawn(command, write_end)
    os.close(write_end)
    ready = os.read(read_end, 16)
    stop = time.perf_counter()
    os.close(read_end)
    end(pid)
    if not ready:
        raise SystemExit(f"{command[0]}: did not start")
    return (stop - start) * 1000


@contextmanager
def supervised(directory: Path) -> Iterator[str]:
    """Have a service under our supervise."""
    directory.mkdir()
    (directory / "run").write_text("#!/bin/sh\nexec sleep 1000\n")
    (directory / "run").chmod(0o755)
    pid = spawn([*program("supervise"), str(directory)], 1)
    try:
        deadline = time.monotonic() + 20
        while not (directory / "supervise/status").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield str(directory)
    finally:
        elapsed([*program("svc"), "-dx", str(directory)])
        os.waitpid(pid, 0)


def main() -> None:
    arguments = options(__doc__ or "", bars="fail when a program misses what it must reach")
    repeat = 2 if arguments.quick else AT_ONCE
    missed = []

    def pair(once: Measure) -> tuple[float, float]:
        runs: list[float] = []
        bare: list[float] = []
        for _ in range(repeat):
            runs.append(once())
            bare.append(elapsed(BARE))
        return fastest(runs), fastest(bare)

    def fastest(runs: list[float]) -> float:
        return statistics.mean(sorted(runs)[: max(1, repeat // 4)])

    def row(subject: str, once: Measure) -> None:
        bar = BARS.get(subject, 99.0)
        for _ in range(TRIES if arguments.bars else 1):
            if tell(subject, [pair(once) for _ in range(arguments.rounds)], longer) <= bar:
                return
        missed.append(subject)

    header(["python -c pass"])
    columns("ms", longer)
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None  # no disk's time
    with tempfile.TemporaryDirectory(dir=memory) as name, supervised(Path(name, "service")) as service:
        text = Path(name, "rules")
        text.write_bytes(b"127.:allow\n:deny\n")
        database = f"{name}/rules.cdb"
        tcprules = [*program("tcprules"), database, f"{name}/rules.tmp"]
        check = [*program("tcprulescheck"), database]
        account = pwd.getpwuid(os.geteuid()).pw_name
        # Without root it ends where it would execute the program.
        setuidgid = [*program("setuidgid"), account, "true"]
        tai64n, local = program("tai64n"), program("tai64nlocal")
        server = program("tcpserver")
        row("svc", lambda: elapsed([*program("svc"), "-u", service]))
        row("svstat", lambda: elapsed([*program("svstat"), service]))
        row("setuidgid true", lambda: elapsed(setuidgid, (0, 111)))
        row("tcprules, two lines", lambda: elapsed(tcprules, (0,), text))
        row("tcprulescheck", lambda: elapsed(check))
        row("tcprules, usage", lambda: elapsed(tcprules[:-2], (100,)))
        row("tai64n, two lines", lambda: elapsed(tai64n, (0,), text))
        row("tai64nlocal, two lines", lambda: elapsed(local, (0,), text))
        with socket.create_server(("127.0.0.1", 0)) as taken:
            # It listens, and ends as it cannot listen on a second place: who asks all
            # the time whether it listens already slows it down.
            second = f"127.0.0.1:{taken.getsockname()[1]}"
            listening = [*server, "-RHl0", "--listen", second, "127.0.0.1", "0", "true"]
            row("tcpserver until it listens", lambda: elapsed(listening, (111,)))
        row(
            "tcpserver until it is ready",
            lambda: until_ready([*server, "-1RHl0", "-x", database, "127.0.0.1", "0", "true"]),
        )
    if missed and arguments.bars:
        raise SystemExit(f"startup.py: too slow: {', '.join(missed)}")


if __name__ == "__main__":
    main()
