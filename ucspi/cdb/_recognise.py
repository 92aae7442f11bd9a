"""Telling the formats of cdb files apart: none has a mark of its own.

Every writer puts the tables one after the other in the order of their pointers,
so the numbers read in the right width add up, and in the wrong one they do not.
Damage to a part of the header does not deceive that.
"""

from ucspi.cdb._format import TABLES
from ucspi.cdb._layout import CDB, CDB64, CDBLIB64, Layout, hash, hash64


def recognise(view: memoryview) -> Layout:
    """Return the layout that an image has, by its structure."""
    row = _tables_in_a_row(view, CDB)
    if row == TABLES - 1 or _tables_in_a_row(view, CDB64) <= row:
        return CDB
    return CDBLIB64 if _hash_is_cut(view) else CDB64


def _tables_in_a_row(view: memoryview, layout: Layout) -> int:
    """Count the pointers that name the place where the table before them ends."""
    size = layout.pair_size
    pointers = list(layout.pair.iter_unpack(view[: min(len(view) // size, TABLES) * size]))
    if not pointers or pointers[0][0] < layout.header_size:
        return 0  # the records end inside the header
    ends = [position + slots * size for position, slots in pointers]
    return sum(end == pointer[0] for end, pointer in zip(ends, pointers[1:], strict=False))


def _hash_is_cut(view: memoryview) -> bool:
    """Look under which hash the first record was filed whose hash does not fit 32 bits."""
    records_end = CDB64.pair.unpack_from(view)[0]
    record = CDB64.header_size
    while record < records_end <= len(view) and record + CDB64.pair_size <= records_end:
        start = record + CDB64.pair_size
        key_length, length = CDB64.pair.unpack_from(view, record)
        if start + key_length + length > records_end:
            break
        key = bytes(view[start : start + key_length])
        whole = hash64(key)
        if whole >> 32:
            return _has_slot(view, hash(key), record) and not _has_slot(view, whole, record)
        record = start + key_length + length
    return False


def _has_slot(view: memoryview, h: int, record: int) -> bool:
    """Say whether a search for this hash passes a slot with it that names the record."""
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
