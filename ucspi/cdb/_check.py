"""Checking a whole image in the pure core: each record can be found, and each slot names a record.

Both cores check in the same order, so that they name the same first damage: the
pointers, the records from first to last, the slots of each table, and at the end
the records that no slot named.

Bytes after the last table are no damage, as ``cdb -c -r`` leaves some.  A record
that no slot names is no damage if its key is empty and its data are zeros, as
``cdb -c -0`` leaves that of a removed record.  But a hole in a file looks the
same, so callers whose files have no removed records can have it refused.
"""

from ucspi.cdb._hash import HASHES
from ucspi.cdb._imagefault import BAD_HASH, BAD_PLACE, BAD_SLOT, BAD_TABLE, LOST_RECORD
from ucspi.cdb._walk import walk
from ucspi.cdb.layout import Layout
from ucspi.errors import CdbFormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def check(view: memoryview, layout: Layout, allow_removed: bool) -> CdbFormatError | None:
    """Return the first damage of an image, or None; see `Image.check`."""
    try:
        tables = list(_tables(view, layout))
        records = dict(_records(view, layout))
        for number, table, slots in tables:
            _check_table(view, layout, records, number, table, slots)
        for record in records:  # only those that no slot named are left
            if not (allow_removed and _is_removed(view, layout, record)):
                raise CdbFormatError(LOST_RECORD, offset=record)
    except CdbFormatError as damage:
        return damage.with_traceback(None)
    return None


def _tables(view: memoryview, layout: Layout) -> "Iterator[tuple[int, int, int]]":
    """Yield number, position and slots of each table that has slots."""
    records_end = layout.records_end(view)
    if not layout.header_size <= records_end <= len(view):
        raise CdbFormatError(BAD_TABLE, offset=0)
    for number, (table, slots) in enumerate(layout.pointers(view)):
        if slots:
            if table < records_end or table + slots * layout.pair_size > len(view):
                raise CdbFormatError(BAD_TABLE, offset=number * layout.pair_size)
            yield number, table, slots


def _records(view: memoryview, layout: Layout) -> "Iterator[tuple[int, int]]":
    """Yield the position of each record and the hash of its key."""
    hash_of = HASHES[layout.hash_bits]
    for record, key, data, _ in walk(view, layout):
        yield record, hash_of(view[key:data])


def _check_table(
    view: memoryview, layout: Layout, records: dict[int, int], number: int, table: int, slots: int
) -> None:
    """Check each slot of a table, and remove the records that it names from ``records``.

    Raises:
        CdbFormatError: a slot is wrong.
    """
    pairs = list(layout.pair.iter_unpack(view[table : table + slots * layout.pair_size]))
    run = _full_at_end(pairs)  # number of full slots directly before the current one, also around the end
    for index, (stored, record) in enumerate(pairs):
        if not record:
            run = 0
            continue
        offset = table + index * layout.pair_size
        if record not in records:  # there is none, or an earlier slot named it
            raise CdbFormatError(BAD_SLOT, offset=offset)
        if records.pop(record) != stored or stored & 255 != number:
            raise CdbFormatError(BAD_HASH, offset=offset)
        if (index - (stored >> 8)) % slots > run:  # probing would have stopped before
            raise CdbFormatError(BAD_PLACE, offset=offset)
        run += 1


def _full_at_end(pairs: list[tuple[int, ...]]) -> int:
    """Return the number of full slots at the end of a table."""
    count = 0
    for _, record in reversed(pairs):
        if not record:
            break
        count += 1
    return count


def _is_removed(view: memoryview, layout: Layout, record: int) -> bool:
    key_length, length = layout.pair.unpack_from(view, record)
    start = record + layout.pair_size
    return key_length == 0 and not any(view[start : start + length])
