"""Finding out the format of an image by its structure, as no format has a mark of its own.

Every writer puts the tables one directly after another in the order of their
pointers.  So if the header is read with the right width of numbers, most tables
begin where the one before ends; with the wrong width they do not.  This works
also if a part of the header is damaged.
"""

from ucspi.cdb._hash import hash, hash64
from ucspi.cdb._imagefault import BAD_FORMAT
from ucspi.cdb._walk import walk
from ucspi.cdb.layout import CDB, CDB64, CDBLIB64, TABLES, Layout
from ucspi.errors import CdbFormatError


def recognise(view: memoryview) -> Layout:
    """Return the layout of an image, by its structure.

    Raises:
        CdbFormatError: there are tables, but none begins where the one before ends.
    """
    cdb, cdb64 = _Fit(view, CDB), _Fit(view, CDB64)
    tables = cdb.tables + cdb.wrong
    if not cdb.row and not cdb64.row and tables > 1:
        raise CdbFormatError(BAD_FORMAT, offset=0)
    if cdb.row > cdb64.row or cdb.row == TABLES - 1:
        return CDB
    if cdb.row == cdb64.row and (tables or not cdb64.tables or cdb64.wrong):
        return CDB
    return CDBLIB64 if _hash_is_cut(view) else CDB64


class _Fit:
    """How well the pointers of an image fit a format.

    ``row`` is the number of tables that begin where the one before ends.
    ``tables`` counts the tables with slots that are behind the header, ``wrong``
    those that are not.  Some writers leave zeros for a table without slots;
    these pointers are not counted.
    """

    __slots__ = ("row", "tables", "wrong")

    def __init__(self, view: memoryview, layout: Layout) -> None:
        self.row = self.tables = self.wrong = 0
        size = layout.pair_size
        first = end = 0
        for position, slots in layout.pair.iter_unpack(view[: min(len(view) // size, TABLES) * size]):
            first = first or position
            self.row += end > 0 and position == end
            end = position + slots * size & 2**64 - 1  # as the C core counts
            if slots and position < layout.header_size:
                self.wrong += 1
            elif slots:
                self.tables += 1
        if first < layout.header_size:
            self.row = 0  # the records end inside the header


def _hash_is_cut(view: memoryview) -> bool:
    """Return whether the first record whose hash has more than 32 bits is found under the cut hash alone."""
    try:
        for record, key, data, _ in walk(view, CDB64):
            name = bytes(view[key:data])
            whole = hash64(name)
            if whole >> 32:
                return _has_slot(view, hash(name), record) and not _has_slot(view, whole, record)
    except CdbFormatError:
        pass  # it is raised when that record is read
    return False


def _has_slot(view: memoryview, h: int, record: int) -> bool:
    """Return whether a search for this hash comes to a slot with the hash and the record."""
    pair, size = CDB64.pair, CDB64.pair_size
    table, slots = pair.unpack_from(view, h % TABLES * size)
    if not slots or table < CDB64.header_size or table + slots * size > len(view):
        return False
    for number in range(slots):
        slot = pair.unpack_from(view, table + ((h >> 8) + number) % slots * size)
        if not slot[1]:
            return False
        if slot == (h, record):
            return True
    return False
