"""The layout of cdb files: where things are, and how wide numbers are.

    header    256 pointers               pointer = position of a table, its slots
    records   in the order added         record  = key length, data length, key, data
    tables    256, possibly empty        slot    = hash, position of a record (0: empty slot)

All numbers are unsigned and little-endian.  In a cdb they have 32 bits, so its
header has 2048 bytes; in a cdb64 they have 64 bits, the hash too, and its header
has 4096 bytes.  pure-cdb's files over 4 GB (cdblib64) are a cdb64 with the hash
cut to 32 bits.

A key's hash picks table ``hash % 256`` and first slot ``(hash >> 8) % slots``;
probing goes upwards and wraps.  A table of n records has 2n slots.  The records
end where table 0 begins.

Sources: cr.yp.to/cdb/cdb.txt for the cdb, cdb-20251021 for the cdb64.
"""

from _struct import Struct, pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from typing_extensions import Buffer

TABLES = 256


class Layout:
    """One format; all sizes and positions are in bytes.

    ``pair`` packs and unpacks two numbers: a pointer, a slot, or the lengths
    that begin a record.  ``pair_size`` is its size, ``header_size`` the size of
    the header, ``file_max`` the largest possible file.
    """

    __slots__ = ("_code", "file_max", "hash_bits", "header_size", "name", "pair", "pair_size", "unpack")

    def __init__(self, name: str, code: str, hash_bits: int, file_max: int) -> None:
        """Describe a format by its name, the code that `struct` has for its numbers, and two limits."""
        self.name, self.hash_bits, self.file_max = name, hash_bits, file_max
        self._code = code
        self.pair = Struct(f"<2{code}")
        self.unpack = self.pair.unpack_from
        self.pair_size = self.pair.size
        self.header_size = TABLES * self.pair.size

    def pointers(self, header: "Buffer") -> "Iterator[tuple[int, ...]]":
        """Return position and number of slots of each of the 256 tables; ``header`` may be longer."""
        return self.pair.iter_unpack(memoryview(header)[: self.header_size])

    def records_end(self, header: "bytes | memoryview") -> int:
        """Return where the records end and the tables begin; ``header`` may be longer.

        Every writer of a cdb says so in the first pointer, whatever is in table
        0.  A cdb64 may have zeros for tables without slots; if the first pointer
        is zeros, the records end at the lowest table that has slots.  A header
        of zeros alone is none, and gives 0.
        """
        first, slots = self.unpack(header)
        if first or slots or self is CDB:
            return int(first)
        return min((table for table, slots in self.pointers(header) if slots), default=0)

    def fill_table(self, entries: "Iterable[tuple[int, ...]]", count: int) -> bytes:
        """Return a hash table, as it stands in a file, of ``count`` entries.

        An entry is a hash and the position of a record.  In the order given,
        each gets the first free slot from its first slot on.
        """
        size = 4 * count
        numbers = [0] * size  # hash and position of each of the 2 * count slots
        at, before = 0, None
        for h, position in entries:
            # A hash seen just before goes on where that one ended, or many
            # records under one key would cost the square of their number.
            if h != before:
                at, before = (h >> 8) % (2 * count) * 2, h
            while numbers[at + 1]:
                at = (at + 2) % size
            numbers[at], numbers[at + 1] = h, position
        return pack(f"<{size}{self._code}", *numbers)


CDB = Layout("cdb", "I", 32, 2**32 - 1)
CDB64 = Layout("cdb64", "Q", 64, 2**63 - 1)
CDBLIB64 = Layout("cdblib64", "Q", 32, 2**63 - 1)
LAYOUTS = {layout.name: layout for layout in (CDB, CDB64, CDBLIB64)}


def named(name: str) -> Layout:
    """Return the layout of a format: ``cdb``, ``cdb64`` or ``cdblib64``.

    Raises:
        ValueError: there is no such format.
    """
    if name not in LAYOUTS:
        raise ValueError(f"the format of a cdb file is cdb or cdb64, not {name}")
    return LAYOUTS[name]
