"""Time until 500 services run, and memory of their supervisors: ours against the original.

The first time in directories that were never supervised, and then again; every
other round goes through the contenders backwards.
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
SYSTEM = "/usr/bin:/bin"
FIELDS = ("Pss:", "Rss:")


class Result:
    """What one start of all services took: seconds, processes, and MB by field."""

    def __init__(self, seconds: float, processes: list[int]) -> None:
        """Look at the memory of these processes."""
        self.seconds, self.processes = seconds, len(processes)
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


def measure(command: list[str], variables: dict[str, str], place: Path, service: Path, count: int) -> Result:
    """Start all services of a directory, and end them."""
    ready = os.open(place / "ready", os.O_RDWR)
    start = time.perf_counter()
    scanner = subprocess.Popen([*command, str(place / "scanned")], env=variables, stdin=subprocess.DEVNULL)
    try:
        seen = 0
        while seen < count:
            seen += len(os.read(ready, count))
        seconds = time.perf_counter() - start
        time.sleep(0.2)  # until the last ones have written their status
        alive = family(scanner.pid)
        return Result(seconds, [pid for pid in alive if not os.path.samefile(f"/proc/{pid}/exe", service)])
    finally:
        processes = [os.pidfd_open(pid) for pid in family(scanner.pid)]
        for process in processes:
            signal.pidfd_send_signal(process, signal.SIGKILL)
        for process in processes:
            select.select([process], [], [], PATIENCE)  # readable when it has ended
            os.close(process)
        scanner.wait(PATIENCE)
        os.close(ready)


def main() -> None:
    arguments = options(__doc__ or "")
    count = 20 if arguments.quick else 500
    here = str(Path(sys.executable).parent)
    theirs, mine = {"PATH": SYSTEM}, {"PATH": f"{here}:{SYSTEM}"}
    contenders = {
        ORIGINAL: ([ORIGINAL], theirs),
        "ours, `--in-process`": ([*program("svscan"), "--in-process"], theirs),
        "ours, with the original's supervise": (program("svscan"), theirs),
        "ours, a process for each": (program("svscan"), mine),
        "the same, each executed": (program("svscan"), {**mine, "UCSPI_WARM": "0"}),
    }
    header([f"{ORIGINAL} (daemontools 0.76)"])
    print(f"| svscan | seconds until {count} run: median (spread) | again | processes | MB, PSS | MB, RSS |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as name:
        service = compile_c("up.c", Path(name))
        results: dict[str, list[tuple[Result, Result]]] = {who: [] for who in contenders}
        for turn in range(arguments.rounds):
            order = list(contenders.items())
            for who, (command, variables) in reversed(order) if turn % 2 else order:
                place = prepare(Path(name) / f"{turn} {list(contenders).index(who)}", service, count)
                first, again = (measure(command, variables, place, service, count) for _ in range(2))
                results[who].append((first, again))
        for who, rounds in results.items():
            print(f"| {who} | {row(rounds)} |", flush=True)


def row(rounds: list[tuple[Result, Result]]) -> str:
    """Return the cells that say how one contender did."""
    firsts, agains = zip(*rounds, strict=True)
    megabytes = [statistics.median(result.memory[field] for result in firsts) for field in FIELDS]
    cells = [spread(firsts), spread(agains), str(firsts[0].processes), *(f"{size:.1f}" for size in megabytes)]
    return " | ".join(cells)


def spread(results: Sequence[Result]) -> str:
    """Return the median time, the smallest and the largest."""
    seconds = [result.seconds for result in results]
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"


if __name__ == "__main__":
    os.chdir("/")
    main()
