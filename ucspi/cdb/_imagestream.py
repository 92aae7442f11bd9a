"""An image that comes in blocks: its records one by one, or as text.

A pipe is as good as a file.  Only the header and the records are read, not the
hash tables, and only the current block and record are held in memory.
"""

from ucspi.cdb._blockwindow import BLOCK_SIZE, BlockWindow, blocks_of
from ucspi.cdb._core import CORE
from ucspi.cdb._imagefault import BAD_RECORD, BAD_TABLE, SHORT_HEADER
from ucspi.cdb.layout import CDB, CDB64
from ucspi.errors import CdbFormatError, CdbTruncatedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ucspi.cdb._blockwindow import Source
    from ucspi.cdb._reader import Reader


def dump(source: "Reader | Source", sink: "Callable[[bytes], object]") -> None:
    """Write the records of an image as cdbmake's text, in the order added, duplicates too.

    Args:
        source: a reader, an image, a file opened for reading bytes, or blocks.
        sink: called with blocks of text, for example a file's ``write``.

    Raises:
        CdbFormatError: the image is damaged.  ``sink`` has got the text of the
            records before, but not the empty line.
    """
    image = ImageStream(blocks_of(source))
    native = None
    if CORE.name == "native":
        from ucspi.cdb._nativetext import NativeDumper

        native = NativeDumper(sink, wide=image.is_wide)
    block = bytearray()
    try:
        while True:
            if native is not None:
                image.at = native.take(image.window, image.at, image.records_in_window())
            record = image.record()
            if record is None:
                break
            key, data = record
            block += b"+%d,%d:%b->%b\n" % (len(key), len(data), key, data)
            if native is not None or len(block) >= BLOCK_SIZE:
                full, block = block, bytearray()
                sink(bytes(full))
    finally:  # the text of sound records goes out before any error
        if block:
            sink(bytes(block))
    sink(b"\n")


def scan(source: "Reader | Source") -> "Iterator[tuple[bytes, bytes]]":
    """Yield every key and data of an image that comes in blocks, in the order added.

    The hash tables are not read.  The first 2048 bytes tell the format, so both
    formats can come from a pipe.

    Args:
        source: as for `dump`.

    Raises:
        CdbTruncatedError: the image ends before its records do.
        CdbFormatError: a record crosses the end of the records.

    What was yielded before is sound.
    """
    image = ImageStream(blocks_of(source))
    while (record := image.record()) is not None:
        yield record


def _is_wide(beginning: bytes) -> bool:
    """Return whether an image that begins with these 2048 bytes is a cdb64, whose header is longer."""
    if not any(beginning):  # no cdb begins so, but a cdb64 whose first tables have no slots may
        return True
    try:
        CORE.image(beginning)
    except CdbFormatError as error:
        return error.reason == SHORT_HEADER
    return False


class ImageStream(BlockWindow):
    """An image as a stream of records; positions are those in the image."""

    __slots__ = ("_pair", "_records_end", "is_wide")
    _records_end: int

    def __init__(self, blocks: "Iterator[bytes]") -> None:
        """Read the header.

        Raises:
            CdbTruncatedError: the stream ends inside it.
            CdbFormatError: by the header the records end inside it.
        """
        super().__init__(blocks)
        if not self.fill(CDB.header_size):
            raise CdbTruncatedError(SHORT_HEADER, offset=self.end)
        self.is_wide = _is_wide(self.window[: CDB.header_size])
        layout = CDB64 if self.is_wide else CDB
        if not self.fill(layout.header_size):
            raise CdbTruncatedError(SHORT_HEADER, offset=self.end)
        self._pair = layout.pair
        self._records_end = layout.records_end(self.window)
        if self._records_end < layout.header_size:
            raise CdbFormatError(BAD_TABLE, offset=0)
        self.at = layout.header_size

    def records_in_window(self) -> int:
        """Return the offset in the window at which the records end; its own end if they go on."""
        return min(len(self.window), self._records_end - self._start())

    def record(self) -> tuple[bytes, bytes] | None:
        """Return the next key and data, or None at the end of the records."""
        record, size, records_end = self._start() + self.at, self._pair.size, self._records_end
        if record >= records_end:
            return None
        if record + size > records_end:
            raise CdbFormatError(BAD_RECORD, offset=record)
        if not self.fill(size):
            raise CdbTruncatedError(BAD_RECORD, offset=self.end)
        key_length, length = self._pair.unpack_from(self.window, self.at)
        if record + size + key_length + length > records_end:
            raise CdbFormatError(BAD_RECORD, offset=record)
        if not self.fill(size + key_length + length):
            raise CdbTruncatedError(BAD_RECORD, offset=self.end)
        middle = self.at + size + key_length
        key = self.window[self.at + size : middle]
        self.at = middle + length
        return key, self.window[middle : self.at]

    def _start(self) -> int:
        """Return the position in the image where the window begins."""
        return self.end - len(self.window)
