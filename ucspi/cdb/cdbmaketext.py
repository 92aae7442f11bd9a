"""The text of cdbmake and cdbdump: records in a form that people and scripts can write.

    +KEYLENGTH,DATALENGTH:KEY->DATA     one record; any bytes in KEY and DATA
                                        an empty line ends the text

The text comes in blocks, so a pipe is as good as a file.  It is read no further
than the block in which it ends, and only the current block and record are held
in memory.

Source: cr.yp.to/cdb/cdbmake.html; limits as observed from cdbmake.
"""

from ucspi.cdb._blockwindow import BlockWindow, blocks_of
from ucspi.cdb._core import CORE
from ucspi.cdb._writer import Writer
from ucspi.errors import CdbLengthError, CdbTextError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn, Protocol

    from ucspi.cdb._blockwindow import Source
    from ucspi.cdb._nativetext import NativeLoader

    class Records(Protocol):
        """What takes records: a writer, a builder, or anything with such a method."""

        def add(self, key: bytes, data: bytes, /) -> object:
            """Take one record."""


# A length is refused when it would grow by a digit beyond this, as in cdbmake:
# 4294967209 is the largest one taken.
LENGTH_LIMIT = 429496720
SHORT = 9  # bytes; a length with its mark that is no longer cannot be too large
PADDED = 1024  # bytes that are searched for the mark if zeros stand before a length

# The reasons that a `CdbTextError` has.
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
        source: bytes, a file opened for reading bytes, or blocks of bytes.  What
            follows the empty line is not used, and nothing is read beyond the
            block with the empty line.
        into: its ``add`` is called with key and data of each record.
        empty_lengths: whether a length without digits is 0, as for cdbmake, or
            an error.

    Returns:
        How many records there were.

    Raises:
        CdbTextError: the text is malformed.  The records before are added.
        CdbLengthError: a length is more than any cdb file can hold.  The
            records before are added.
        whatever ``source`` and ``into`` raise.
    """
    text = _Parser(blocks_of(source), empty_lengths)
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
    """Return a faster way to add records to a builder of the C core; None if ``into`` is anything else."""
    builder = into._builder if type(into) is Writer else into
    if CORE.name != "native" or type(builder) is not CORE.builder:
        return None
    from ucspi.cdb._nativetext import NativeLoader

    return NativeLoader(builder)


class _Parser(BlockWindow):
    """The parser, with a method for each part of a record."""

    __slots__ = ("_empty_lengths", "entry")

    def __init__(self, blocks: "Iterator[bytes]", empty_lengths: bool) -> None:
        super().__init__(blocks)
        self._empty_lengths = empty_lengths
        self.entry = 0  # number of the current record, from 1; the empty line counts too

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
        """Read digits byte by byte: they may be wrong or too many, or the window may end among them."""
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
