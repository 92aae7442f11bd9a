"""``cdbtest``: look up every record of the database on standard input, and count the results."""

from ucspi.cdb import Reader, scan
from ucspi.cdb.layout import named
from ucspi.programs._program import run
from ucspi.programs._read_cdb import open_database, run_reader
from ucspi.programs._stdio import write

PROGRAM = b"cdbtest"
USAGE = b"cdbtest: usage: cdbtest"
KEY_MAX = 1024  # as in cdb 0.75, longer keys are not tested

FOUND, DIFFERENT, BAD_LENGTH, NOT_FOUND, UNTESTED = range(5)
LABELS = (b"found", b"different record", b"bad length", b"not found", b"untested")


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_cdbtest, argv, USAGE)


def _cdbtest(argv: list[bytes]) -> int:
    """Test; as in cdb 0.75, arguments are ignored."""
    return run_reader(PROGRAM, _test)


def _test() -> None:
    rows = zip(LABELS, _count(open_database()), strict=True)
    write(b"".join(b"%s: %d\n" % row for row in rows))


def _count(reader: Reader) -> list[int]:
    counts = [0] * len(LABELS)
    layout = named(reader.format)
    size, position = layout.pair_size, layout.header_size
    for key, data in scan(reader):  # unlike iterating over the reader it finds a truncated file
        counts[_judge(reader, key, position + size + len(key), len(data))] += 1
        position += size + len(key) + len(data)
    return counts


def _judge(reader: Reader, key: bytes, position: int, length: int) -> int:
    """Look up a key, and compare with its record, whose data are at ``position``."""
    if len(key) > KEY_MAX:
        return UNTESTED
    found = reader.find(key)
    if found is None:
        return NOT_FOUND
    if found[0] != position:  # an earlier record has the same key
        return DIFFERENT
    return FOUND if found[1] == length else BAD_LENGTH
