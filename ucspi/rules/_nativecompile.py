"""Rules text to records by the C core, a block at a time.

The core takes the lines that need no interpretation and leaves their records in
a buffer; a line that it does not know goes to the compiler of single lines,
which alone knows errors, networks and remarks.
"""

from ucspi.rules._native import ffi, lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ucspi.rules._linecompiler import LineCompiler

END, FULL = 0, 2  # enum ucdb_rules_status
ROOM = 2  # bytes of records for each byte of text, at most
RANGE_ROOM = 65536  # bytes for the records of ranges and networks, which are more


class BulkCompiler:
    """Compiles blocks of text, with the help of a compiler for single lines."""

    __slots__ = ("_add_block", "_compiler", "_out", "_scan")

    def __init__(self, compiler: "LineCompiler", add_block: "Callable[[bytes], object]") -> None:
        """Send the records of plain lines to ``add_block``."""
        self._compiler, self._add_block = compiler, add_block
        self._scan = ffi.new("struct ucdb_rules *")
        self._out = ffi.new("unsigned char[]", RANGE_ROOM)

    def compile(self, blocks: "Iterable[bytes]") -> None:
        """Compile text that may be cut anywhere; raises as `compile_rules` does."""
        begun: list[bytes] = []  # of a line that no block has ended yet; joined once
        for block in blocks:
            end = block.rfind(b"\n") + 1
            if end:
                self._take(b"".join((*begun, block[:end])))
                begun.clear()
            begun.append(block[end:])
        self._compiler.end(b"".join(begun))

    def _take(self, text: bytes) -> None:
        """Compile whole lines."""
        scan, tally = self._scan, self._compiler.tally
        if len(self._out) < ROOM * len(text) + RANGE_ROOM:
            self._out = ffi.new("unsigned char[]", ROOM * len(text) + RANGE_ROOM)
        scan.at = 0
        while True:
            scan.used = scan.lines = scan.rules = scan.records = 0
            status = lib.ucdb_rules_scan(text, len(text), self._out, len(self._out), scan)
            tally.lines += scan.lines
            tally.rules += scan.rules
            tally.records += scan.records
            if scan.used:
                self._add_block(ffi.buffer(self._out, scan.used)[:])
            if status == END:
                return
            if status == FULL and scan.used:
                continue  # the buffer is empty now
            end = text.index(b"\n", scan.at)
            self._compiler.feed([text[scan.at : end]])
            scan.at = end + 1
