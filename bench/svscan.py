"""Time until 500 services run and until all have stopped, and memory of their supervisors: ours and others.

The first time in directories that were never supervised, and then again; every
other round goes through the contenders backwards.
The others are the original, and those of s6-svscan, runsvdir and dinit that are installed.  What
ends all services on a signal gets that signal; the time is that until the last process has ended.
Counted are svscan and all of supervise, not the services.  PSS shares what
several processes have in common among them; RSS counts it for each.
"""

import os
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ratios import header, options, program
from servers import PATIENCE, compile_c

ORIGINAL = "/usr/bin/svscan"
S6, RUNIT, DINIT = "/usr/bin/s6-svscan", "/usr/bin/runsvdir", "/usr/sbin/dinit"
SYSTEM = "/usr/bin:/bin"
REST = 1.1  # seconds after a start in which a supervisor hears nothing
FIELDS = ("Pss:", "Rss:")


class Contender:
    """A program that supervises all services of a directory, which is its last argument.

    Attributes:
        command: the command line.
        variables: its environment.
        stop: the signal that ends all services; None: there is none.
    """

    def __init__(
        self, command: list[str], variables: dict[str, str], stop: signal.Signals | None = None
    ) -> None:
        """Take them."""
        self.command, self.variables, self.stop = command, variables, stop


class Result:
    """What one start of all services took: seconds, processes, and MB by field.

    Attributes:
        stopped: seconds from the signal until all had ended; None if there is no such signal.
    """

    def __init__(self, seconds: float, processes: list[int]) -> None:
        """Look at the memory of these processes."""
        self.seconds, self.processes = seconds, len(processes)
        self.stopped: float | None = None
        self.memory = {field: sum(memory(pid, field) for pid in processes) for field in FIELDS}


def memory(pid: int, field: str) -> float:
    """Return MB of one kind that a process has."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"no {field} of {pid}")


def family(pid: int) -> list[int]:
    """Return a process and all that came of it, parents first."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(int(fields[1]), []).append(int(entry))
    found = [pid]
    for known in found:
        found.extend(children.get(known, []))
    return found


def prepare(place: Path, service: Path, count: int) -> Path:
    """Make a new directory of services.

    It stays until the end: ext4 looks for a new inode past all that were freed in the last seconds.
    """
    place.mkdir()
    for number in range(count):
        (place / "scanned" / str(number)).mkdir(parents=True)
        os.link(service, place / "scanned" / str(number) / "run")
    os.mkfifo(place / "ready")
    return place


def measure(who: Contender, place: Path, service: Path, count: int) -> Result:
    """Start all services of a directory, and end them."""
    ready = os.open(place / "ready", os.O_RDWR)
    start = time.perf_counter()
    scanner = subprocess.Popen(
        [*who.command, str(place / "scanned")],
        env=who.variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        seen = 0
        while seen < count:
            seen += len(os.read(ready, count))
        seconds = time.perf_counter() - start
        time.sleep(0.2)  # until the last ones have written their status
        alive = family(scanner.pid)
        result = Result(seconds, [pid for pid in alive if not os.path.samefile(f"/proc/{pid}/exe", service)])
        if who.stop is not None:
            time.sleep(REST)
            result.stopped = stop(scanner, who.stop, alive)
        return result
    finally:
        processes = [os.pidfd_open(pid) for pid in family(scanner.pid) if scanner.poll() is None]
        for process in processes:
            signal.pidfd_send_signal(process, signal.SIGKILL)
        await_ends(processes)
        scanner.wait(PATIENCE)
        os.close(ready)


def stop(scanner: "subprocess.Popen[bytes]", number: signal.Signals, alive: list[int]) -> float:
    """Tell a scanner to end everything; return the seconds until all have ended."""
    processes = [os.pidfd_open(pid) for pid in alive]
    begun = time.perf_counter()
    scanner.send_signal(number)
    await_ends(processes)
    return time.perf_counter() - begun


def await_ends(processes: list[int]) -> None:
    """Wait until processes have ended, and close their descriptors."""
    for process in processes:
        poll = select.poll()
        poll.register(process, select.POLLIN)  # readable when it has ended
        if not poll.poll(PATIENCE * 1000):
            raise SystemExit("a process has not ended")
        os.close(process)


def main() -> None:
    arguments = options(__doc__ or "")
    count = 20 if arguments.quick else 500
    here = str(Path(sys.executable).parent)
    theirs, mine = {"PATH": SYSTEM}, {"PATH": f"{here}:{SYSTEM}"}
    ending = [*program("svscan"), "--stop-on-term=60"]
    contenders = {
        ORIGINAL: Contender([ORIGINAL], theirs),
        "ours, `--in-process`": Contender([*ending, "--in-process"], theirs, signal.SIGTERM),
        "ours, with the original's supervise": Contender(ending, theirs, signal.SIGTERM),
        "ours, a process for each": Contender(ending, mine, signal.SIGTERM),
        "the same, each executed": Contender(ending, {**mine, "UCSPI_WARM": "0"}, signal.SIGTERM),
        "the same, forked, without `--stop-on-term`": Contender(program("svscan"), mine),
    }
    peers = {
        S6: Contender([S6, "-c1000"], theirs, signal.SIGTERM),
        RUNIT: Contender([RUNIT], theirs, signal.SIGHUP),
    }
    contenders |= {path: peer for path, peer in peers.items() if os.path.exists(path)}
    missing = [path for path in (*peers, DINIT) if path not in contenders]
    header([f"{ORIGINAL} (daemontools 0.76)", *(path for path in peers if path in contenders)])
    print("\n".join(f"left out: {path}" for path in missing), end="\n\n" * bool(missing))
    head = (f"seconds until {count} run: median (spread)", "again", "until all have stopped", "processes")
    print(f"| svscan | {' | '.join(head)} | MB, PSS | MB, RSS |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as name:
        service = compile_c("up.c", Path(name))
        results: dict[str, list[tuple[Result, Result]]] = {who: [] for who in contenders}
        for turn in range(arguments.rounds):
            order = list(contenders.items())
            for who, contender in reversed(order) if turn % 2 else order:
                place = prepare(Path(name) / f"{turn} {list(contenders).index(who)}", service, count)
                first, again = (measure(contender, place, service, count) for _ in range(2))
                results[who].append((first, again))
        for who, rounds in results.items():
            print(f"| {who} | {row(rounds)} |", flush=True)


def row(rounds: list[tuple[Result, Result]]) -> str:
    """Return the cells that say how one contender did."""
    firsts, agains = zip(*rounds, strict=True)
    megabytes = [statistics.median(result.memory[field] for result in firsts) for field in FIELDS]
    stops = [result.stopped for result in (*firsts, *agains) if result.stopped is not None]
    cells = [
        spread([result.seconds for result in firsts]),
        spread([result.seconds for result in agains]),
        spread(stops) if stops else "-",
        str(firsts[0].processes),
        *(f"{size:.1f}" for size in megabytes),
    ]
    return " | ".join(cells)


def spread(seconds: Sequence[float]) -> str:
    """Return the median time, the smallest and the largest."""
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"


if __name__ == "__main__":
    os.chdir("/")
    main()
