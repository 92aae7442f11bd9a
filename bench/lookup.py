"""Look-ups in a cdb file, in one process: ours against cdbx and pure-cdb."""

import random
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from ratios import Measure, columns, compare, faster_by_cost, header, options

import ucspi.cdb

Get = Callable[[bytes], bytes | None]


def make(directory: Path, count: int) -> Path:
    """Build a file of ``count`` records, the keys of a /16 each, as rules have them."""
    path = directory / f"{count}.cdb"
    with ucspi.cdb.create(path, fsync=False) as writer:
        for number in range(count):
            writer.add(key(number), b"+REMOTE=%d\0" % number)
    return path


def key(number: int) -> bytes:
    """Return the key of a record: an address."""
    return b"%d.%d.%d.%d" % (10, number >> 16, number >> 8 & 255, number & 255)


def per_get(get: Get, keys: Sequence[bytes], passes: int) -> Measure:
    """Measure nanoseconds for one look-up, the loop around it included."""

    def measure() -> float:
        start = time.perf_counter_ns()
        for _ in range(passes):
            for wanted in keys:
                get(wanted)
        return (time.perf_counter_ns() - start) / (passes * len(keys))

    return measure


def per_many(reader: ucspi.cdb.Reader, keys: Sequence[bytes]) -> Measure:
    """Measure nanoseconds for one key of many in one call."""

    def measure() -> float:
        start = time.perf_counter_ns()
        reader.get_many(keys)
        return (time.perf_counter_ns() - start) / len(keys)

    return measure


def peers(path: Path) -> dict[str, Get]:
    """Open the file in every peer that is installed."""
    found: dict[str, Get] = {}
    try:
        import cdbx

        found[f"cdbx {version('cdbx')}"] = cdbx.CDB(str(path)).get
    except ImportError:
        pass
    try:
        import cdblib

        found[f"pure-cdb {version('pure-cdb')}"] = cdblib.Reader.from_file_path(str(path)).get
    except ImportError:
        pass
    return found


def check(get: Get, other: Get, keys: Sequence[bytes]) -> None:
    """Refuse to time two things that do not answer alike."""
    for wanted in keys[:1000]:
        if get(wanted) != other(wanted):
            raise SystemExit(f"different answers for {wanted!r}")


def main() -> None:
    arguments = options(__doc__ or "")
    large = 20_000 if arguments.quick else 1_000_000
    asked = 2_000 if arguments.quick else 200_000
    source = random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        small_file, large_file = make(Path(name), 1000), make(Path(name), large)
        header(list(peers(small_file)) or ["nobody: install cdbx and pure-cdb"])
        columns("ns per get", faster_by_cost)
        subjects = [
            ("hot get, 1,000 records", small_file, [key(n) for n in range(1000)], asked // 1000),
            (f"random get, {large:,} records", large_file, source_keys(source, large, asked), 1),
            ("miss, 1,000 records", small_file, [b"x" + key(n) for n in range(1000)], asked // 1000),
            (f"miss, {large:,} records", large_file, [b"x" + key(n) for n in range(asked)], 1),
        ]
        for subject, path, keys, passes in subjects:
            with ucspi.cdb.open(path) as reader:
                for peer, get in peers(path).items():
                    check(reader.get, get, keys)
                    ours, theirs = per_get(reader.get, keys, passes), per_get(get, keys, passes)
                    compare(f"{subject}: {peer}", ours, theirs, arguments.rounds, faster_by_cost)
        keys = source_keys(source, large, asked)
        with ucspi.cdb.open(large_file) as reader:
            for peer, get in peers(large_file).items():
                ours, theirs = per_many(reader, keys), per_get(get, keys, 1)
                subject = f"get_many, {large:,} records: {peer}, one by one"
                compare(subject, ours, theirs, arguments.rounds, faster_by_cost)


def source_keys(source: random.Random, large: int, asked: int) -> list[bytes]:
    """Return keys that are there, in random order, far apart in the file."""
    return [key(source.randrange(large)) for _ in range(asked)]


if __name__ == "__main__":
    main()
