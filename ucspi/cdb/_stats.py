"""Counting the probes that the look-up of each record takes."""

from ucspi.cdb._imagefault import BAD_TABLE
from ucspi.cdb.layout import Layout
from ucspi.errors import CdbFormatError
from ucspi.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

FAR = 10  # distances from here on are counted together, as cdbstats does


class Stats(Value):
    """The result of `Reader.stats`: the number of records, and of records at each distance."""

    __slots__ = ("distances", "records")
    __match_args__ = ("distances",)

    def __init__(self, distances: tuple[int, ...]) -> None:
        """Take the counts; ``records`` is their sum.

        ``distances[d]``, for ``d`` from 0 to 9, is the number of records whose
        slot is ``d`` probes beyond the first slot of their key; ``distances[10]``
        is the number of those that are farther.
        """
        self.records, self.distances = sum(distances), distances

    def __repr__(self) -> str:
        """Show the counts."""
        return f"Stats(records={self.records}, distances={self.distances})"


def count(view: memoryview, layout: Layout) -> Stats:
    """Count the full slots of an image by distance.

    Source: cdb's cdbstats, which gets the same numbers by looking up every record.

    Raises:
        CdbFormatError: a table lies outside the file.
    """
    pair, size = layout.pair, layout.pair_size
    distances = [0] * (FAR + 1)
    for table, slots in _tables(view, layout):
        for index, (h, record) in enumerate(pair.iter_unpack(view[table : table + slots * size])):
            if record:
                distances[min((index - (h >> 8)) % slots, FAR)] += 1
    return Stats(tuple(distances))


def _tables(view: memoryview, layout: Layout) -> "Iterator[tuple[int, int]]":
    """Yield position and slots of each table that has slots."""
    size = layout.pair_size
    for number, (table, slots) in enumerate(layout.pointers(view)):
        if slots:
            if table < layout.header_size or table + slots * size > len(view):
                raise CdbFormatError(BAD_TABLE, offset=number * size)
            yield table, slots
