"""How cost grows with the number of records: a look-up, building, and the memory of the writer."""

import gc
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from build import cdbx_make, pure_cdb_make
from lookup import key
from plot import Chart, Line, draw
from ratios import ROOT, elapsed, header, number, options, program

import ucspi.cdb

Pairs = Iterable[tuple[bytes, bytes]]
Make = Callable[..., None]  # of a path and the records
Cost = tuple[float, float]  # the median, and the median of the ratios to the first contender
Costs = dict[str, dict[int, Cost]]  # by contender, then by number of records

CDBMAKE = "/usr/bin/cdbmake"
EXPLANATION = """
The numbers are medians of interleaved rounds.  In brackets is the ratio to our
library, or to our program.  The libraries build from a list of pairs that exists
already, without fsync.  The programs read a text and are measured as whole
processes; ours does its fsync.  Memory is the maximum of a separate process, which
gets its records from a generator or a text.  The row of one record is the floor:
the process itself, or the process that started it.
"""

ASKED = 100_000  # keys looked up in one round
SANE = 1_000_000  # pure-cdb is not asked for more
COLOURS = {
    "ours": "#0b62b0",
    "ours, get_many": "#58a6e8",
    "our cdbmake": "#58a6e8",
    "cdbx": "#d1510a",
    "pure-cdb": "#23803f",
    "freecdb's cdbmake": "#a6418f",
}


def pairs(count: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the records: addresses, as rules have them."""
    return ((key(n), b"+REMOTE=%d\0" % n) for n in range(count))


def our_make(path: Path, records: Pairs) -> None:
    """Make a file with our library."""
    ucspi.cdb.make(path, records, fsync=False)


MAKERS: Mapping[str, Make] = {"ours": our_make, "cdbx": cdbx_make, "pure-cdb": pure_cdb_make}


def contenders(count: int) -> list[str]:
    """Return the libraries that are installed and sane at a size."""
    found = ["ours"]
    for name in ("cdbx", "pure-cdb"):
        try:
            version(name)
        except ImportError:  # also: not installed
            continue
        if name == "cdbx" or count <= SANE:
            found.append(name)
    return found


def rotate(work: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Cost]:
    """Measure all in turn, each round beginning with another."""
    names = list(work)
    seen: dict[str, list[float]] = {name: [] for name in names}
    for start in range(rounds):
        for step in range(len(names)):
            name = names[(start + step) % len(names)]
            seen[name].append(work[name]())
    first = seen[names[0]]
    return {name: (statistics.median(costs), ratio(costs, first)) for name, costs in seen.items()}


def ratio(costs: list[float], first: list[float]) -> float:
    return statistics.median(cost / other for cost, other in zip(costs, first, strict=True))


def lookups(path: Path, count: int, rounds: int) -> dict[str, Cost]:
    """Return nanoseconds for one look-up of a random key that is there."""
    source = random.Random(count)
    keys = [key(n) for n in range(count)] if count < ASKED else []
    keys = source.choices(keys, k=ASKED) if keys else [key(source.randrange(count)) for _ in range(ASKED)]
    gets: dict[str, Callable[[list[bytes]], object]] = {}
    reader = ucspi.cdb.open(path)
    gets["ours"] = one_by_one(reader.get)
    gets["ours, get_many"] = reader.get_many
    found = contenders(count)
    if "cdbx" in found:
        import cdbx

        gets["cdbx"] = one_by_one(cdbx.CDB(str(path)).get)
    if "pure-cdb" in found:
        import cdblib

        gets["pure-cdb"] = one_by_one(cdblib.Reader.from_file_path(str(path)).get)
    for get in gets.values():
        get(keys)  # so that all pages are there
    return rotate({name: per(keys, get) for name, get in gets.items()}, rounds)


def one_by_one(get: Callable[[bytes], object]) -> Callable[[list[bytes]], object]:
    def all_of(keys: list[bytes]) -> None:
        for wanted in keys:
            get(wanted)

    return all_of


def per(keys: list[bytes], get: Callable[[list[bytes]], object]) -> Callable[[], float]:
    """Measure nanoseconds for each key."""

    def measure() -> float:
        start = time.perf_counter_ns()
        get(keys)
        return (time.perf_counter_ns() - start) / len(keys)

    return measure


def builds(directory: Path, count: int, rounds: int) -> dict[str, Cost]:
    """Return microseconds for each record that is built; the files are the same."""
    records = list(pairs(count))
    gc.freeze()  # the list is not what is measured
    paths = {name: directory / f"{name}.cdb" for name in contenders(count)}

    def seconds(name: str) -> float:
        start = time.perf_counter()
        MAKERS[name](paths[name], records)
        return (time.perf_counter() - start) / count * 1e6

    costs = rotate({name: lambda name=name: seconds(name) for name in paths}, rounds)  # type: ignore[misc]
    for path in paths.values():
        same(path, paths["ours"])
    return costs


def cdbmakes() -> dict[str, list[str]]:
    """Return the programs that there are."""
    found = {"our cdbmake": program("cdbmake"), "freecdb's cdbmake": [CDBMAKE]}
    return {name: command for name, command in found.items() if Path(command[0]).exists()}


def write_text(directory: Path, count: int) -> Path:
    """Write the records as cdbmake reads them."""
    text = directory / f"{count}.text"
    if not text.exists():
        with text.open("wb") as file:
            for one, data in pairs(count):
                file.write(b"+%d,%d:%b->%b\n" % (len(one), len(data), one, data))
            file.write(b"\n")
    return text


def processes(directory: Path, count: int, rounds: int) -> dict[str, Cost]:
    """Return microseconds for each record that a whole cdbmake builds."""
    text = write_text(directory, count)
    commands = cdbmakes()

    def cost(name: str) -> float:
        made = str(directory / name)
        return elapsed([*commands[name], made, f"{made}.tmp"], stdin=text) * 1000 / count

    costs = rotate({name: lambda name=name: cost(name) for name in commands}, rounds)  # type: ignore[misc]
    for name in commands:
        same(directory / name, directory / "ours.cdb")
    return costs


def same(one: Path, other: Path) -> None:
    """Refuse to time two things that do not do the same."""
    if subprocess.run(["cmp", "-s", one, other], check=False).returncode:
        raise SystemExit(f"{one.name} and {other.name} are different")


def memory(directory: Path, count: int) -> dict[str, Cost]:
    """Return the megabytes that a process which makes a file was in at most."""
    costs: dict[str, float] = {}
    made = directory / "made"
    for name in contenders(count):
        costs[name] = peak([sys.executable, __file__, "make", name, str(count), str(made)])
    for name, command in cdbmakes().items():
        costs[name] = peak([*command, str(made), f"{made}.tmp"], write_text(directory, count))
    return {name: (cost, cost / costs["ours"]) for name, cost in costs.items()}


def peak(command: list[str], stdin: Path | None = None) -> float:
    """Run a process; return the most memory that it was in, in megabytes.

    Started by a small one, as what is started counts its parent's peak as its own.
    """
    starter = (
        "import os, resource, sys, subprocess; subprocess.run(sys.argv[1:], check=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    with open(stdin or os.devnull, "rb") as file:
        done = subprocess.run(
            [sys.executable, "-c", starter, *command], stdin=file, stdout=subprocess.PIPE, check=True
        )
    return int(done.stdout) / 1024


def table(title: str, unit: str, costs: Costs) -> None:
    """Print what a part of the measurements came to; behind it, how many times ours."""
    sizes = sorted({size for column in costs.values() for size in column})
    print(f"\n{title}, {unit}:\n")
    print("| records | " + " | ".join(costs) + " |")
    print("| ---: |" + " ---: |" * len(costs))
    for size in sizes:
        cells = [cell(column.get(size)) for column in costs.values()]
        print(f"| {size:,} | " + " | ".join(cells) + " |", flush=True)


def cell(cost: Cost | None) -> str:
    if cost is None:
        return ""
    return number(cost[0]) if cost[1] == 1 else f"{number(cost[0])} ({cost[1]:.2f})"


def merge(costs: Costs, size: int, found: Mapping[str, Cost]) -> None:
    for name, cost in found.items():
        costs.setdefault(name, {})[size] = cost


def lines(costs: Costs) -> list[Line]:
    return [
        (name, COLOURS[name], [(size, cost) for size, (cost, _) in sorted(column.items())])
        for name, column in costs.items()
    ]


def main() -> None:
    arguments = options(__doc__ or "")
    sizes = [1000, 3000] if arguments.quick else [10**n for n in range(3, 8)]
    header([f"{name} {version(name)}" for name in contenders(1) if name != "ours"] + [f"{CDBMAKE} (freecdb)"])
    print(EXPLANATION.strip())
    looking: Costs = {}
    building: Costs = {}
    having: Costs = {}
    for size in sizes:
        rounds = min(arguments.rounds, 3) if size > SANE else arguments.rounds
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            merge(building, size, builds(directory, size, rounds))
            gc.unfreeze()
            merge(looking, size, lookups(directory / "ours.cdb", size, rounds))
            merge(building, size, processes(directory, size, rounds))
            if size >= SANE or size == sizes[0]:
                some = 1 if size < SANE else size
                merge(having, some, memory(directory, some))
    table("One look-up of a random key", "ns", looking)
    table("Building, for each record", "µs", building)
    table("Memory of the writer, at most", "MB", having)
    if not arguments.quick:
        picture = draw(
            [
                Chart("One look-up of a random key", "records", "nanoseconds", lines(looking)),
                Chart("Building", "records", "microseconds for each record", lines(building)),
            ]
        )
        (ROOT / "docs" / "cdb-growth.svg").write_text(picture, encoding="utf-8")
    print("\n![Time of a look-up, and of building per record, for up to 10,000,000 records](cdb-growth.svg)")


if __name__ == "__main__":
    if sys.argv[1:2] == ["make"]:  # a process of its own for `memory`
        MAKERS[sys.argv[2]](Path(sys.argv[4]), pairs(int(sys.argv[3])))
    else:
        main()
