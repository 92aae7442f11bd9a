"""Making a cdb file of 1,000,000 records, and iterating over it: ours against cdbx, pure-cdb and the C tools.

Neither library forces the file to disk or replaces it in one step; the first row
lets us leave out the former too, the second does all that `make` does.
"""

import gc
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lookup import key
from ratios import Measure, columns, compare, elapsed, faster_by_cost, header, options, program

import ucspi.cdb

Pairs = list[tuple[bytes, bytes]]


def seconds(work: Callable[[], object]) -> Measure:
    """Measure milliseconds for the whole of some work."""

    def measure() -> float:
        gc.collect()
        start = time.perf_counter()
        work()
        return (time.perf_counter() - start) * 1000

    return measure


def drain(items: Callable[[], Iterable[object]]) -> Measure:
    """Measure milliseconds to iterate to the end, with nothing done to the items."""
    return seconds(lambda: deque(items(), maxlen=0))


def cdbx_make(path: Path, pairs: Pairs) -> None:
    import cdbx

    maker = cdbx.CDB.make(str(path))
    add = maker.add
    for one, data in pairs:
        add(one, data)
    maker.commit().close()


def pure_cdb_make(path: Path, pairs: Pairs) -> None:
    import cdblib

    make_with(cdblib, path, pairs)


def make_with(cdblib: Any, path: Path, pairs: Pairs) -> None:
    """Make a file with a module that is pure-cdb's."""
    with path.open("wb") as file:
        writer = cdblib.Writer(file)
        put = writer.put
        for one, data in pairs:
            put(one, data)
        writer.finalize()


def makers() -> dict[str, Callable[[Path, Pairs], None]]:
    """Return the peers that are installed."""
    found: dict[str, Callable[[Path, Pairs], None]] = {}
    for name, make in (("cdbx", cdbx_make), ("pure-cdb", pure_cdb_make)):
        try:
            found[f"{name} {version(name)}"] = make
        except ImportError:  # also: not installed
            pass
    return found


def main() -> None:
    arguments = options(__doc__ or "")
    count = 20_000 if arguments.quick else 1_000_000
    pairs = [(key(number), b"+REMOTE=%d\0" % number) for number in range(count)]
    peers = makers()
    header(list(peers) or ["nobody: install cdbx and pure-cdb"])
    columns("ms", faster_by_cost)
    with tempfile.TemporaryDirectory() as name:
        ours, theirs = Path(name) / "ours", Path(name) / "theirs"
        for peer, make in peers.items():
            rounds = arguments.rounds if peer.startswith("cdbx") else min(arguments.rounds, 3)
            work = seconds(lambda make=make: make(theirs, pairs))  # type: ignore[misc]
            quick = seconds(lambda: ucspi.cdb.make(ours, pairs, fsync=False))
            compare(f"make without fsync: {peer}", quick, work, rounds, faster_by_cost)
            if ours.read_bytes() != theirs.read_bytes():
                raise SystemExit(f"{peer} makes another file")
            whole = seconds(lambda: ucspi.cdb.make(ours, pairs))
            compare(f"make: {peer}", whole, work, rounds, faster_by_cost)
        if any(peer.startswith("cdbx") for peer in peers):
            iterate(ours, arguments.rounds)
        processes(Path(name), pairs, arguments.rounds)


def processes(directory: Path, pairs: Pairs, rounds: int) -> None:
    """Compare whole processes with the original programs, where they are installed."""
    text, file = directory / "text", str(directory / "made")
    entries = (b"+%d,%d:%b->%b\n" % (len(one), len(data), one, data) for one, data in pairs)
    text.write_bytes(b"".join(entries) + b"\n")
    for name, arguments, source in (("cdbmake", [file, f"{file}.tmp"], text), ("cdbdump", [], Path(file))):
        original = f"/usr/bin/{name}"
        if not Path(original).exists():
            continue
        ours, theirs = [*program(name), *arguments], [original, *arguments]
        compare(
            f"{name}, whole process: {original}",
            lambda ours=ours, source=source: elapsed(ours, stdin=source),  # type: ignore[misc]
            lambda theirs=theirs, source=source: elapsed(theirs, stdin=source),  # type: ignore[misc]
            rounds,
            faster_by_cost,
        )


def iterate(path: Path, rounds: int) -> None:
    import cdbx

    theirs, peer = cdbx.CDB(str(path)), f"cdbx {version('cdbx')}"
    with ucspi.cdb.open(path) as ours:
        subjects: list[tuple[str, Callable[[], Iterable[object]], Callable[[], Iterable[object]]]] = [
            ("records()", ours.records, lambda: theirs.items(all=True)),
            ("items()", ours.items, theirs.items),
            ("keys()", ours.keys, theirs.keys),
        ]
        for subject, mine, other in subjects:
            compare(f"{subject}: {peer}", drain(mine), drain(other), rounds, faster_by_cost)


if __name__ == "__main__":
    main()
