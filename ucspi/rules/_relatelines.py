"""The entries of a long text, compared with each other by the C core.

The C core compiles the plain lines, as in `_nativecompile`; all other lines are
compiled one by one.  Then all records are in one buffer, each with the number of
its line.
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
    """The first rule under each key of a text, and how these rules relate to each other."""

    __slots__ = ("_all", "_held", "_numbers", "_records", "lines")

    def __init__(self, text: bytes, examine: "Examine") -> None:
        """Compile the text; ``examine`` returns keys and data of the records of a line that is not plain."""
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
            # A line that is longer than the window is compiled by itself.
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
        """Compile one line that is not plain; return where the next line begins."""
        newline = text.find(b"\n", begin)
        end = len(text) if newline < 0 else newline
        self.lines += 1
        keys, data = examine(text[begin:end], self.lines)
        for key in keys:
            self._records += CDB.pair.pack(len(key), len(data)) + key + data
            self._numbers += self.lines.to_bytes(4, "little")
        return end + 1

    def _relate(self) -> "tuple[Any, list[object]]":
        """Have the C core compare; return its struct, and the memory that the struct points to."""
        count = len(self._numbers) // 4
        width = count.bit_length() + 1
        parts = {
            "records": ffi.from_buffer("unsigned char[]", self._records),
            "lines": ffi.from_buffer("uint32_t[]", self._numbers),
            "entries": ffi.new("struct ucdb_entry[]", count),
            "slots": ffi.new("uint64_t[]", 1 << width),
            "order": ffi.new("struct ucdb_ranked[]", 2 * count),
            "reported": ffi.new("unsigned char[]", self.lines + 1),
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
        """Yield each line that has a key of an earlier line, the earlier entry, and the data of the line."""
        number = last = 0
        while number := lib.ucdb_next_repeated(self._all, number):
            entry = self._entry(number)
            before = self._entry(self._all.entries[number - 1].before)
            if entry.line not in (last, before.line):
                last = entry.line
                yield last, before, entry.data

    def hidden(self) -> "Iterator[tuple[Entry, Entry]]":
        """Yield each IPv4 network inside a dotted prefix, with the prefix, which is looked up first."""
        number, prefix = 0, ffi.new("uint32_t *")
        while number := lib.ucdb_next_hidden(self._all, number, prefix):
            yield self._entry(number), self._entry(prefix[0])

    def suspects(self, reported: set[int]) -> "Iterator[Entry]":
        """Yield the entries whose clients may show a line not in ``reported``, which grows meanwhile."""
        number = 0
        while number := lib.ucdb_next_suspect(self._all, number):
            before = len(reported)
            yield self._entry(number)
            if len(reported) != before:
                for line in reported:
                    self._all.reported[line] = 1

    def names_and_addresses(self) -> tuple[list[Entry], list[Entry]]:
        """Return the entries of names, and those of addresses; nothing if all of them have the same data."""
        if not (self._all.names and self._all.addresses and self._all.differing):
            return [], []
        numbers = (
            number for number in range(1, self._all.count + 1) if not self._all.entries[number - 1].before
        )
        entries = [self._entry(number) for number in numbers]
        names = [entry for entry in entries if entry.key[:1] == b"="]
        return names, [one for one in entries if one.key[:1] not in (b"=", b"") and b"@" not in one.key]
