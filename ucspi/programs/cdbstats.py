"""``cdbstats``: count how far from its first slot each record of the database on standard input is."""

from ucspi.cdb import Reader, scan
from ucspi.cdb.layout import named
from ucspi.programs._program import run
from ucspi.programs._read_cdb import open_database, run_reader
from ucspi.programs._stdio import write

PROGRAM = b"cdbstats"
USAGE = b"cdbstats: usage: cdbstats"
KEY_MAX = 1024  # as in cdb 0.75, records with longer keys are not counted
LABELS = (*(b"d%d" % distance for distance in range(10)), b">9")


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_cdbstats, argv, USAGE)


def _cdbstats(argv: list[bytes]) -> int:
    """Count; as in cdb 0.75, arguments are ignored."""
    return run_reader(PROGRAM, _report)


def _report() -> None:
    counts = _count(open_database())
    rows = zip((b"records", *LABELS), (sum(counts), *counts), strict=True)
    write(b"".join(b"%-8s%10d\n" % row for row in rows))


def _count(reader: Reader) -> list[int]:
    next(scan(reader), None)  # raises the error for a file that ends in its first record
    damage = reader.check()
    if damage is not None:
        raise damage
    view, layout = reader.view, named(reader.format)
    size = layout.pair_size
    counts = [0] * len(LABELS)
    for table, slots in layout.pointers(view):
        for index, (h, record) in enumerate(layout.pair.iter_unpack(view[table : table + slots * size])):
            if record and layout.unpack(view, record)[0] <= KEY_MAX:
                distance = (index - (h >> 8)) % slots
                counts[min(distance, len(counts) - 1)] += 1
    return counts
