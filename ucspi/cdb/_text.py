"""The text of cdbmake and cdbdump: records in a form that people and scripts can write.

    +KEYLENGTH,DATALENGTH:KEY->DATA     one record; any bytes in KEY and DATA
                                        an empty line ends the text

Text and images are taken in blocks as they come, so a pipe is as good as a
file; a text is read no further than its end, an image no further than its
records.  Only the record at hand is held in memory.

Source: cr.yp.to/cdb/cdbmake.html; limits as observed from cdbmake.
"""

from ucspi.cdb._core import CORE
from ucspi.cdb._imagefault import BAD_RECORD, BAD_TABLE, SHORT_HEADER
from ucspi.cdb._writer import Writer
from ucspi.errors import CdbFormatError, CdbLengthError, CdbTextError, CdbTruncatedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import NoReturn, Protocol

    from typing_extensions import Buffer

    from ucspi.cdb._nativetext import NativeLoader
    from ucspi.cdb._reader import Reader

    class Records(Protocol):
        """What takes records: a writer, a builder, or anything like them."""

        def add(self, key: bytes, data: bytes, /) -> object:
            """Take one record."""

    class Readable(Protocol):
        """A file opened for reading bytes."""

        def read(self, size: int, /) -> bytes:
            """Return at most ``size`` bytes, none at the end."""

    Source = Buffer | Readable | Iterable[Buffer]

BLOCK_SIZE = 65536  # bytes that are read at once; text goes to a sink in blocks of about this size
# A length is refused when it would grow by a digit beyond this, as in cdbmake:
# 4294967209 is the largest one taken.
LENGTH_LIMIT = 429496720
PADDED = 1024  # zeros in front of a length are looked through at once up to here
SHORT = 9  # a mark among so many bytes has a length before it that needs no such care

NO_PLUS = "a record must begin with +"
BAD_KEY_LENGTH = "the key's length must be digits and end with a comma"
BAD_LENGTH = "the data's length must be digits and end with a colon"
NO_ARROW = "the key must be followed by ->"
NO_NEWLINE = "the data must be followed by a newline"
ENDED = "the text ends without an empty line"
TOO_LONG = "a length is beyond the 4 GB of a cdb file"
CUT_KEY = "the text ends inside a key"
CUT_DATA = "the text ends inside data"


def load(source: "Source", into: "Records", *, empty_lengths: bool = True) -> int:
    """Add the records of a text to a writer or builder, in order.

    Args:
        source: bytes, a file opened for reading bytes, or blocks of bytes.
            What follows the empty line is neither used nor, beyond the block
            that the empty line is in, read.
        into: its ``add`` is called with key and data of each record.
        empty_lengths: take a length without digits for 0, as cdbmake does.

    Returns:
        How many records there were.

    Raises:
        CdbTextError: the text is malformed.  The records before were added.
        CdbLengthError: a length is beyond what any cdb file can hold.

    Whatever ``source`` and ``into`` raise passes through.
    """
    text = _Text(_blocks(source), empty_lengths)
    add = into.add
    native = _native_loader(into)
    while True:
        if native is not None:
            text.at, taken = native.take(text.window, text.at)
            text.entry += taken
        record = text.record()
        if record is None:
            return text.entry - 1
        add(*record)


def _native_loader(into: "Records") -> "NativeLoader | None":
    """Return what fills a builder of the C core faster; None for all else that takes records."""
    builder = into._builder if type(into) is Writer else into
    if CORE.name != "native" or type(builder) is not CORE.builder:
        return None
    from ucspi.cdb._nativetext import NativeLoader

    return NativeLoader(builder)


def dump(source: "Reader | Source", sink: "Callable[[bytes], object]") -> None:
    """Write the records of an image as text, in the order added, duplicates too.

    Args:
        source: a reader, an image, a file opened for reading bytes, or blocks.
        sink: is called with blocks of text, for example a file's ``write``.

    Raises:
        CdbFormatError: the image is damaged.  The text of the records before
            was given to ``sink``; the empty line was not.
    """
    image = _Image(_blocks(source))
    native = None
    if CORE.name == "native":
        from ucspi.cdb._nativetext import NativeDumper

        native = NativeDumper(sink, wide=image.is_wide)
    block = bytearray()
    try:
        while True:
            if native is not None:
                image.at = native.take(image.window, image.at, image.whole())
            record = image.record()
            if record is None:
                break
            key, data = record
            block += b"+%d,%d:%b->%b\n" % (len(key), len(data), key, data)
            if native is not None or len(block) >= BLOCK_SIZE:
                full, block = block, bytearray()
                sink(bytes(full))
    finally:  # what is sound goes out before any complaint
        if block:
            sink(bytes(block))
    sink(b"\n")


def scan(source: "Reader | Source") -> "Iterator[tuple[bytes, bytes]]":
    """Yield every key and data of an image that comes in blocks, in the order added.

    The hash tables are not looked at, not even read.  Whether it is a cdb64 is
    seen by the first 2048 bytes, so a pipe will do for both formats.

    Args:
        source: as for `dump`.

    Raises:
        CdbTruncatedError: the image ends before its records do.
        CdbFormatError: a record crosses the end of the records.

    What was yielded before is sound.
    """
    image = _Image(_blocks(source))
    while (record := image.record()) is not None:
        yield record


def _is_wide(beginning: bytes) -> bool:
    """Say whether an image that begins with these 2048 bytes is a cdb64: its header is longer."""
    if not any(beginning):  # no header of a cdb, but half of one with its tables at the end
        return True
    try:
        CORE.image(beginning)
    except CdbFormatError as error:
        return error.reason == SHORT_HEADER
    return False


def _blocks(source: "Reader | Source") -> "Iterator[bytes]":
    source = getattr(source, "view", source)  # a reader's image
    read = getattr(source, "read", None)
    if read is not None:
        # A file of text ends with another nothing, but its first block is refused.
        return iter(lambda: _block(read(BLOCK_SIZE)), b"")
    if isinstance(source, (bytes, bytearray, memoryview)):
        view = memoryview(source).cast("B")
        return (bytes(view[at : at + BLOCK_SIZE]) for at in range(0, len(view), BLOCK_SIZE))
    if isinstance(source, str):
        raise TypeError("a source of records is bytes, blocks of bytes or an open file, not str")
    return (_block(block) for block in source)  # type: ignore[union-attr]  # what is left of it


def _block(block: "Buffer") -> bytes:
    if type(block) is bytes:
        return block
    from ucspi.cdb._byteslike import to_bytes  # here, as programs read bytes

    return to_bytes(block, "source")


class _Input:
    """Blocks as one stream, seen through a window that grows to hold what is asked for."""

    __slots__ = ("_blocks", "at", "end", "window")

    def __init__(self, blocks: "Iterator[bytes]") -> None:
        self._blocks = blocks
        self.window = b""
        self.at = 0  # what lies before it in the window is used up
        self.end = 0  # how far the stream was read: where the window ends

    def fill(self, length: int) -> bool:
        """Have ``length`` bytes in the window from ``at`` on; false if the stream ends before."""
        missing = length - (len(self.window) - self.at)
        if missing <= 0:
            return True
        pieces = [self.window[self.at :]]
        for block in self._blocks:
            pieces.append(block)
            self.end += len(block)
            missing -= len(block)
            if missing <= 0:
                break
        self.window = b"".join(pieces)
        self.at = 0
        return missing <= 0


class _Image(_Input):
    """An image as a stream of records."""

    __slots__ = ("_pair", "_records_end", "is_wide")
    _records_end: int

    def __init__(self, blocks: "Iterator[bytes]") -> None:
        """Read the header."""
        from ucspi.cdb.layout import CDB, CDB64  # here, as loading text needs none

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

    def whole(self) -> int:
        """Return how far the window holds records rather than tables."""
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


class _Text(_Input):
    """The parser: one method for each piece of a record."""

    __slots__ = ("_empty_lengths", "entry")

    def __init__(self, blocks: "Iterator[bytes]", empty_lengths: bool) -> None:
        super().__init__(blocks)
        self._empty_lengths = empty_lengths
        self.entry = 0  # counts from 1, the empty line too

    def record(self) -> tuple[bytes, bytes] | None:
        """Return the next record, or None for the empty line."""
        self.entry += 1
        first = self._take(1, ENDED)
        if first == b"\n":
            return None
        if first != b"+":
            self._refuse(NO_PLUS, self.at - 1)
        key_length = self._length(b",", BAD_KEY_LENGTH)
        length = self._length(b":", BAD_LENGTH)
        key = self._take(key_length, CUT_KEY)
        self._expect(b"->", NO_ARROW)
        data = self._take(length, CUT_DATA)
        self._expect(b"\n", NO_NEWLINE)
        return key, data

    def _take(self, length: int, if_ended: str) -> bytes:
        start, end = self.at, self.at + length
        if end > len(self.window):
            if not self.fill(length):
                self._refuse(if_ended, len(self.window))
            start, end = 0, length
        self.at = end
        return self.window[start:end]

    def _expect(self, mark: bytes, reason: str) -> None:
        if self.window.startswith(mark, self.at):
            self.at += len(mark)
            return
        for number in range(len(mark)):
            if self._take(1, ENDED) != mark[number : number + 1]:
                self._refuse(reason, self.at - 1)

    def _length(self, mark: bytes, reason: str) -> int:
        """Read digits up to a mark."""
        stop = self.window.find(mark, self.at, self.at + SHORT)
        if stop < 0:  # zeros may stand in front
            stop = self.window.find(mark, self.at, self.at + PADDED)
        if stop > 0:
            number = self.window[self.at : stop]
            if number.isdigit() and len(number := number.lstrip(b"0")) < SHORT:
                self.at = stop + 1
                return int(number or b"0")
        return self._long_length(mark, reason)

    def _long_length(self, mark: bytes, reason: str) -> int:
        """Read digits byte by byte: they may be wrong, too many, or not all here yet."""
        value = digits = 0
        while (byte := self._take(1, ENDED)) != mark:
            if not byte.isdigit():
                self._refuse(reason, self.at - 1)
            if value > LENGTH_LIMIT:
                raise CdbLengthError(TOO_LONG, entry=self.entry, offset=self._offset(self.at - 1))
            value = value * 10 + int(byte)
            digits += 1
        if not digits and not self._empty_lengths:
            self._refuse(reason, self.at - 1)
        return value

    def _refuse(self, reason: str, at: int) -> "NoReturn":
        is_cut = reason in (CUT_KEY, CUT_DATA)
        raise CdbTextError(reason, entry=self.entry, offset=self._offset(at), is_cut=is_cut)

    def _offset(self, at: int) -> int:
        return self.end - len(self.window) + at
