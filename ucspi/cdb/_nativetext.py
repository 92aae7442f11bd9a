"""Converting between cdbmake's text and records by the C core.

It takes the whole, plain and correct entries in a window.  At any other it stops,
and the parser of `cdbmaketext` or `ImageStream` goes on from there: only these
know errors, and read more.
"""

from ucspi.cdb._native import ffi, lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.cdb._purebuilder import Builder

CDB, CDB64 = 0, 1  # enum ucdb_format
CDB_HEADER_SIZE = 2048  # not from `layout`, which loading text does not need
ROOM = 2  # bytes of records for each byte of text, at most
DUMPED = 262144  # bytes; text is made in pieces of this size


class NativeLoader:
    """Adds the records of a text to a builder."""

    __slots__ = ("_add_block", "_format", "_out", "_text")

    def __init__(self, builder: "Builder") -> None:
        """Send records to ``builder``."""
        self._add_block = builder.add_block
        self._format = CDB64 if builder.header_size > CDB_HEADER_SIZE else CDB
        self._text = ffi.new("struct ucdb_text *")
        self._out = ffi.new("unsigned char[]", 0)

    def take(self, window: bytes, at: int) -> tuple[int, int]:
        """Add the records from offset ``at`` on; return the offset where it stopped, and their number."""
        text = self._text
        room = ROOM * (len(window) - at)
        if len(self._out) < room:
            self._out = ffi.new("unsigned char[]", room)
        text.at, text.used, text.records = at, 0, 0
        lib.ucdb_text_load(window, len(window), self._out, self._format, text)
        if text.used:
            self._add_block(ffi.buffer(self._out, text.used)[:])
        return text.at, text.records


class NativeDumper:
    """Writes the records of an image to a sink, as text."""

    __slots__ = ("_format", "_out", "_sink", "_text")

    def __init__(self, sink: "Callable[[bytes], object]", *, wide: bool) -> None:
        """Send text to ``sink``; ``wide`` says that the image is a cdb64."""
        self._sink = sink
        self._format = CDB64 if wide else CDB
        self._text = ffi.new("struct ucdb_text *")
        self._out = ffi.new("unsigned char[]", DUMPED)

    def take(self, window: bytes, at: int, end: int) -> int:
        """Write the records from offset ``at`` to ``end`` at most; return the offset where it stopped."""
        text = self._text
        text.at = at
        while True:
            text.used = 0
            lib.ucdb_text_dump(window, end, self._out, DUMPED, self._format, text)
            if not text.used:
                return int(text.at)
            self._sink(ffi.buffer(self._out, text.used)[:])
