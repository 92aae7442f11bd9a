"""Reading the records of an image one after another, in the pure core."""

from ucspi.cdb._imagefault import BAD_RECORD, BAD_TABLE
from ucspi.errors import CdbFormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ucspi.cdb.layout import Layout


def walk(view: memoryview, layout: "Layout") -> "Iterator[tuple[int, int, int, int]]":
    """Yield four positions for each record: of itself, of its key, of its data, and where it ends.

    Raises:
        CdbFormatError: the records do not end in the image, or a record crosses
            their end.
    """
    unpack, size = layout.unpack, layout.pair_size
    records_end = layout.records_end(view)
    if not layout.header_size <= records_end <= len(view):
        raise CdbFormatError(BAD_TABLE, offset=0)
    record = layout.header_size
    while record < records_end:
        key = record + size
        if key > records_end:
            raise CdbFormatError(BAD_RECORD, offset=record)
        key_length, length = unpack(view, record)
        data = key + key_length
        end = data + length
        if end > records_end:
            raise CdbFormatError(BAD_RECORD, offset=record)
        yield record, key, data, end
        record = end
