"""The text of cdbmake and cdbdump: records in a form that people and scripts can write.

    +KEYLENGTH,DATALENGTH:KEY->DATA     one record; any bytes in KEY and DATA
                                        an empty line ends the text

Text and images are taken in blocks as they come, so a pipe is as good as a
file; a text is read no further than its end, an image no further than its
records.  Only the record at hand is held in memory.

Source: cr.yp.to/cdb/cdbmake.html; limits as observed from cdbmake.
"""

from ucspi.cdb._core import CORE
from ucspi.cdb._format import BAD_RECORD, BAD_TABLE, BLOCK_SIZE, HEADER_SIZE, SHORT_HEADER, TABLES
from ucspi.errors import CdbFormatError, CdbLengthError, CdbTextError, CdbTruncatedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import NoReturn, Protocol

    from typing_extensions import Buffer

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


# A length is refused when it would grow by a digit beyond this, as in cdbmake:
# 4294967209 is the largest one taken.
LENGTH_LIMIT = 429496720
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
    while True:
        record = text.record()
        if record is None:
            return text.entry - 1
        add(*record)


def dump(source: "Reader | Source", sink: "Callable[[bytes], object]") -> None:
    """Write the records of an image as text, in the order added, duplicates too.

    Args:
        source: a reader, an image, a file opened for reading bytes, or blocks.
        sink: is called with blocks of text, for example a file's ``write``.

    Raises:
        CdbFormatError: the image is damaged.  The text of the records before
            was given to ``sink``; the empty line was not.
    """
    block = bytearray()
    try:
        for key, data in scan(source):
            block += b"+%d,%d:%b->%b\n" % (len(key), len(data), key, data)
            if len(block) >= BLOCK_SIZE:
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
    from struct import Struct  # here, as loading text needs none

    image = _Input(_blocks(source))
    if not image.fill(HEADER_SIZE):
        raise CdbTruncatedError(SHORT_HEADER, offset=image.end)
    pair = Struct("<QQ" if _is_wide(image.window[:HEADER_SIZE]) else "<II")
    size = pair.size
    if not image.fill(TABLES * size):
        raise CdbTruncatedError(SHORT_HEADER, offset=image.end)
    records_end, _ = pair.unpack_from(image.window, 0)
    if records_end < TABLES * size:
        raise CdbFormatError(BAD_TABLE, offset=0)
    image.at = record = TABLES * size
    while record < records_end:
        if record + size > records_end:
            raise CdbFormatError(BAD_RECORD, offset=record)
        if not image.fill(size):
            raise CdbTruncatedError(BAD_RECORD, offset=image.end)
        key_length, length = pair.unpack_from(image.window, image.at)
        if record + size + key_length + length > records_end:
            raise CdbFormatError(BAD_RECORD, offset=record)
        record += size + key_length + length
        if not image.fill(size + key_length + length):
            raise CdbTruncatedError(BAD_RECORD, offset=image.end)
        middle = image.at + size + key_length
        key = image.window[image.at + size : middle]
        image.at = middle + length
        yield key, image.window[middle : image.at]


def _is_wide(beginning: bytes) -> bool:
    """Say whether an image that begins with these 2048 bytes is a cdb64: its header is longer."""
    try:
        CORE.image(beginning)
    except CdbFormatError:
        return True
    return False


def _blocks(source: "Reader | Source") -> "Iterator[bytes]":
    source = getattr(source, "view", source)  # a reader's image
    read = getattr(source, "read", None)
    if read is not None:
        return iter(lambda: read(BLOCK_SIZE), b"")
    if isinstance(source, (bytes, bytearray, memoryview)):
        view = memoryview(source).cast("B")
        return (bytes(view[at : at + BLOCK_SIZE]) for at in range(0, len(view), BLOCK_SIZE))
    return map(bytes, source)  # type: ignore[arg-type]  # what is left of the union


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
        number = self.window[self.at : stop]
        if stop > 0 and number.isdigit():
            self.at = stop + 1
            return int(number)
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
