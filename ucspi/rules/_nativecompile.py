"""Compiling rules text by the C core, a block at a time.

The C core compiles the plain lines and writes their records into a buffer.  It
stops at any other line, and the compiler of single lines takes that one: only
it knows errors, networks and warnings.
"""

from ucspi.rules._native import ffi, lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ucspi.rules._linecompiler import LineCompiler

END, FULL = 0, 2  # enum ucdb_rules_status
ROOM = 2  # bytes of records for each byte of text, at most
RANGE_ROOM = 65536  # bytes for the records of a line with a range or a network, which need more


class NativeCompiler:
    """Compiles blocks of text."""

    __slots__ = ("_add_block", "_compiler", "_out", "_scan")

    def __init__(self, compiler: "LineCompiler", add_block: "Callable[[bytes], object]") -> None:
        """Send the records of plain lines to ``add_block``, and give all other lines to ``compiler``."""
        self._compiler, self._add_block = compiler, add_block
        self._scan = ffi.new("struct ucdb_rules *")
        self._out = ffi.new("unsigned char[]", RANGE_ROOM)

    def compile(self, blocks: "Iterable[bytes]") -> None:
        """Compile text that may be cut anywhere; raises as `compile_rules` does."""
        unfinished: list[bytes] = []  # pieces of a line whose end has not come yet; joined once
        for block in blocks:
            end = block.rfind(b"\n") + 1
            if end:
                self._compile_lines(b"".join((*unfinished, block[:end])))
                unfinished.clear()
            unfinished.append(block[end:])
        self._compiler.end(b"".join(unfinished))

    def _compile_lines(self, text: bytes) -> None:
        """Compile whole lines, each with its newline."""
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
