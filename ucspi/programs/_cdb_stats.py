"""``cdb -s``: describe a database."""

from ucspi.cdb import scan
from ucspi.programs._cdb_trouble import open_input, protocol_error, short_file
from ucspi.programs._distances import PAIR, distances
from ucspi.programs._standard import image, write

TABLES = 256
FAR = 10  # distances of so many and more are counted together


class Range:
    """The smallest, average and largest of some lengths."""

    __slots__ = ("_count", "_max", "_min", "_total")

    def __init__(self) -> None:
        """Begin with no length."""
        self._count = self._total = self._min = self._max = 0

    def add(self, length: int) -> None:
        """Take one more; after a length of 0 the smallest begins anew, as in the original."""
        self._count += 1
        self._total += length
        self._max = max(self._max, length)
        if not self._min or length < self._min:
            self._min = length

    def __bytes__(self) -> bytes:
        """Return ``min/avg/max``; the average is rounded, half up."""
        average = (self._total + self._count // 2) // self._count if self._count else 0
        return b"%d/%d/%d" % (self._min, average, self._max)


def describe(path: bytes) -> int:
    """Print what ``cdb -s`` prints; return the exit code."""
    view = memoryview(image(open_input(path, b"open " + path)))
    keys, values, records = Range(), Range(), 0
    for key, data in scan(view):
        records += 1
        keys.add(len(key))
        values.add(len(data))
    lengths, tables, slots, spread = _measure(view)
    write(
        b"number of records: %d\n" % records
        + b"key min/avg/max length: %b\n" % bytes(keys)
        + b"val min/avg/max length: %b\n" % bytes(values)
        + b"hash tables/entries/collisions: %d/%d/%d\n" % (tables, slots, sum(spread[1:]))
        + b"hash table min/avg/max length: %b\n" % bytes(lengths)
        + b"hash table distances:\n"
        + b"".join(_row(number, count, records) for number, count in enumerate(spread))
    )
    return 0


def _measure(view: memoryview) -> tuple[Range, int, int, list[int]]:
    """Return the lengths of the tables that have slots, how many, their slots, and the distances."""
    lengths, tables, slots, spread = Range(), 0, 0, [0] * (FAR + 1)
    end, _ = PAIR.unpack_from(view, 0)
    for position, length in PAIR.iter_unpack(view[: TABLES * PAIR.size]):
        if position != end:  # even of an empty one, as in the original
            raise protocol_error(b"invalid cdb hash table")
        end = position + length * PAIR.size
        if end > len(view):
            raise short_file()
        if length:
            lengths.add(length)
            tables += 1
            slots += length
            for _, distance in distances(view[position:end]):
                spread[min(distance, FAR)] += 1
    return lengths, tables, slots, spread


def _row(number: int, count: int, records: int) -> bytes:
    label = b">9" if number == FAR else b"d%d" % number
    return b" %b: %6d %2d%%\n" % (label, count, count * 100 // records if records else 0)
