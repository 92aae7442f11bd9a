"""The entries of a long text, compared with each other by the C core.

The core takes the lines that need no interpretation, as in `_nativecompile`, and the
others come from the compiler of single lines.  All records then stand in one
buffer, with the number of the line that each was made of.
"""

from ucspi.cdb.layout import CDB
from ucspi.rules._lineorder import Entry
from ucspi.rules._native import ffi, lib
from ucspi.rules._nativecompile import END, FULL, RANGE_ROOM, ROOM
from ucspi.rules._prefixlengths import Lengths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    Examine = Callable[[bytes, int], tuple[Sequence[bytes], bytes]]

WINDOW = 1 << 20  # bytes of text that are scanned at once


class RelatedEntries:
    """The first rule under each key of a text, and how these relate."""

    __slots__ = ("_all", "_held", "_numbers", "_records", "lines")

    def __init__(self, text: bytes, examine: "Examine") -> None:
        """Compile the text; examining a line that is not plain gives keys and data of its records."""
        self.lines = 0
        self._records, self._numbers = bytearray(), bytearray()
        self._compile(text, examine)
        self._all, self._held = self._relate()

    def _compile(self, text: bytes, examine: "Examine") -> None:
        out = ffi.new("unsigned char[]", ROOM * WINDOW + RANGE_ROOM)
        numbers = ffi.new("uint32_t[]", len(out) // CDB.pair_size)
        scan = ffi.new("struct ucdb_rules *", {"numbers": numbers})
        held = ffi.from_buffer("unsigned char[]", text)
        end = text.rfind(b"\n") + 1
        begin = 0
        while begin < end:
            stop = text.rfind(b"\n", begin, begin + WINDOW) + 1 or text.index(b"\n", begin) + 1
            size = stop - begin
            scan.used = scan.lines = scan.rules = scan.records = scan.at = 0
            scan.before = self.lines
            # A line of more than the window is for the parser.
            status = lib.ucdb_rules_scan(held + begin, size, out, len(out), scan) if size <= WINDOW else FULL
            self.lines += scan.lines
            self._records += ffi.buffer(out, scan.used)
            self._numbers += ffi.buffer(numbers, 4 * scan.records)
            begin += scan.at
            if status != END and not (status == FULL and scan.used):
                begin = self._examine(text, begin, examine)
        if end < len(text):
            self._examine(text, end, examine)

    def _examine(self, text: bytes, begin: int, examine: "Examine") -> int:
        """Take one line that is not plain; return where the next one begins."""
        newline = text.find(b"\n", begin)
        end = len(text) if newline < 0 else newline
        self.lines += 1
        keys, data = examine(text[begin:end], self.lines)
        for key in keys:
            self._records += CDB.pair.pack(len(key), len(data)) + key + data
            self._numbers += self.lines.to_bytes(4, "little")
        return end + 1

    def _relate(self) -> "tuple[Any, list[object]]":
        """Have the core compare; return its view of the whole, and the memory that it borrows."""
        count = len(self._numbers) // 4
        width = count.bit_length() + 1
        parts = {
            "records": ffi.from_buffer("unsigned char[]", self._records),
            "lines": ffi.from_buffer("uint32_t[]", self._numbers),
            "entries": ffi.new("struct ucdb_entry[]", count),
            "slots": ffi.new("uint64_t[]", 1 << width),
            "order": ffi.new("struct ucdb_ranked[]", 2 * count),
            "told": ffi.new("unsigned char[]", self.lines + 1),
        }
        everything = ffi.new("struct ucdb_relations *", {"count": count, "width": width, **parts})
        lib.ucdb_relate(everything)
        return everything, [*parts.values()]

    def get(self, key: bytes) -> Entry | None:
        """Return the entry under a key."""
        number = lib.ucdb_related(self._all, key, len(key))
        return self._entry(number) if number else None

    def _entry(self, number: int) -> Entry:
        known = self._all.entries[number - 1]
        key_length, length = CDB.unpack(self._records, known.position)
        start = known.position + CDB.pair_size
        data = start + key_length
        return Entry(bytes(self._records[start:data]), known.line, bytes(self._records[data : data + length]))

    @property
    def lengths(self) -> Lengths:
        """The lengths of the networks among the keys."""
        lengths = ffi.new("struct ucdb_lengths *")
        lib.ucdb_related_lengths(self._all, lengths)
        return Lengths(
            (length for length in range(33) if lengths.four[length]),
            (length for length in range(129) if lengths.six[length]),
        )

    def repeated(self) -> "Iterator[tuple[int, Entry, bytes]]":
        """Yield each line with a key of an earlier line, the first such entry, and what the line says."""
        number = last = 0
        while number := lib.ucdb_next_repeated(self._all, number):
            entry = self._entry(number)
            before = self._entry(self._all.entries[number - 1].before)
            if entry.line not in (last, before.line):
                last = entry.line
                yield last, before, entry.data

    def hidden(self) -> "Iterator[tuple[Entry, Entry]]":
        """Yield each IPv4 network inside a dotted prefix, which is looked up before it, and the prefix."""
        number, prefix = 0, ffi.new("uint32_t *")
        while number := lib.ucdb_next_hidden(self._all, number, prefix):
            yield self._entry(number), self._entry(prefix[0])

    def suspects(self, told: set[int]) -> "Iterator[Entry]":
        """Yield the entries about whose clients something may be said; `told` grows meanwhile."""
        number = 0
        while number := lib.ucdb_next_suspect(self._all, number):
            before = len(told)
            yield self._entry(number)
            if len(told) != before:
                for line in told:
                    self._all.told[line] = 1

    def crossing(self) -> tuple[list[Entry], list[Entry]]:
        """Return names, and what is neither name, ident nor everybody; nothing if all say the same."""
        if not (self._all.names and self._all.addresses and self._all.differing):
            return [], []
        numbers = (
            number for number in range(1, self._all.count + 1) if not self._all.entries[number - 1].before
        )
        entries = [self._entry(number) for number in numbers]
        names = [entry for entry in entries if entry.key[:1] == b"="]
        return names, [one for one in entries if one.key[:1] not in (b"=", b"") and b"@" not in one.key]
