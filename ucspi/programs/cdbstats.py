"""``cdbstats``: count at which distance the records of the database on standard input are found."""

from ucspi.cdb import Reader, scan
from ucspi.programs._cdbread import attempt
from ucspi.programs._distances import PAIR, distances
from ucspi.programs._program import run
from ucspi.programs._standard import image, write

PROGRAM = b"cdbstats"
USAGE = b"cdbstats: usage: cdbstats"
KEY_MAX = 1024  # records with longer ones are not counted, as in cdb 0.75
HEADER_SIZE = 2048
LABELS = (*(b"d%d" % distance for distance in range(10)), b">9")


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_cdbstats, argv, USAGE)


def _cdbstats(argv: list[bytes]) -> int:
    """Count; arguments are ignored, as in cdb 0.75."""
    return attempt(PROGRAM, _report)


def _report() -> None:
    counts = _count(image())
    rows = zip((b"records", *LABELS), (sum(counts), *counts), strict=True)
    write(b"".join(b"%-8s%10d\n" % row for row in rows))


def _count(image: "memoryview | bytes") -> list[int]:
    next(scan(image), None)  # says so when a file is truncated before its first record ends
    reader = Reader(image)
    damage = reader.check()
    if damage is not None:
        raise damage
    counts = [0] * len(LABELS)
    for table, slots in PAIR.iter_unpack(reader.view[:HEADER_SIZE]):
        for record, distance in distances(reader.view[table : table + slots * PAIR.size]):
            if PAIR.unpack_from(reader.view, record)[0] <= KEY_MAX:
                counts[min(distance, len(counts) - 1)] += 1
    return counts
