"""``cdb -s``: describe a database."""

from ucspi.cdb import scan
from ucspi.cdb.layout import named
from ucspi.programs._read_cdb import open_database
from ucspi.programs._stdio import write
from ucspi.programs.cdb._messages import open_input, protocol_error, short_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ucspi.cdb import Reader

FAR = 10  # this distance and all larger ones are counted together


class Range:
    """The smallest, average and largest of some lengths."""

    __slots__ = ("_max", "_min", "count", "total")

    def __init__(self) -> None:
        self.count = self.total = self._min = self._max = 0

    def add(self, length: int) -> None:
        """Count one length; as in the original, any length replaces a smallest one of 0."""
        self.count += 1
        self.total += length
        self._max = max(self._max, length)
        if not self._min or length < self._min:
            self._min = length

    def __bytes__(self) -> bytes:
        """Return ``min/avg/max``; the average is rounded to the nearest, halves up."""
        average = (self.total + self.count // 2) // self.count if self.count else 0
        return b"%d/%d/%d" % (self._min, average, self._max)


def describe(path: bytes) -> int:
    """Print what ``cdb -s`` prints; return the exit code."""
    reader = open_database(open_input(path, b"open " + path))
    keys, values, records = Range(), Range(), 0
    for key, data in scan(reader):
        records += 1
        keys.add(len(key))
        values.add(len(data))
    lengths = Range()
    for slots in _tables(reader):
        lengths.add(slots)
    spread = reader.stats().distances
    write(
        b"number of records: %d\n" % records
        + b"key min/avg/max length: %b\n" % bytes(keys)
        + b"val min/avg/max length: %b\n" % bytes(values)
        + b"hash tables/entries/collisions: %d/%d/%d\n" % (lengths.count, lengths.total, records - spread[0])
        + b"hash table min/avg/max length: %b\n" % bytes(lengths)
        + b"hash table distances:\n"
        + b"".join(_row(number, count, records) for number, count in enumerate(spread))
    )
    return 0


def _tables(reader: "Reader") -> "Iterator[int]":
    """Yield the number of slots of each table that has some; each table must follow the one before."""
    view, layout = reader.view, named(reader.format)
    end, _ = layout.unpack(view)
    for position, slots in layout.pointers(view):
        if position != end:  # checked for empty tables, too, as in the original
            raise protocol_error(b"invalid cdb hash table")
        end = position + slots * layout.pair_size
        if end > len(view):
            raise short_file()
        if slots:
            yield slots


def _row(number: int, count: int, records: int) -> bytes:
    label = b">9" if number == FAR else b"d%d" % number
    return b" %b: %6d %2d%%\n" % (label, count, count * 100 // records if records else 0)
