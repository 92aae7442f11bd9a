"""The formats as the pure core sees them: how wide numbers are, how much of the hash is kept.

In a cdb64 every number has 64 bits instead of 32, the hash too.  pure-cdb's
files over 4 GB differ from it in the hash, which they cut to 32 bits.
"""

from struct import Struct, pack

from ucspi.cdb._format import FILE_MAX, TABLES, records_end
from ucspi.cdb._key import to_bytes

FEW = 32  # no more keys than this are hashed sooner one by one
WIDE = 48  # a longer key is hashed by itself: all would be padded to its length
LONG = 24  # from here on cutting the hash at each byte is cheaper than its growth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer


def hash(key: "Buffer") -> int:
    """Return the cdb hash of a key: 32 bits, unsigned.

    Source: cr.yp.to/cdb/cdb.txt.
    """
    if type(key) is not bytes:
        key = to_bytes(key)
    h = 5381
    if len(key) > LONG:
        for byte in key:
            h = h * 33 & 0xFFFFFFFF ^ byte
        return h
    for byte in key:  # cut once at the end: nothing is carried down
        h = h * 33 ^ byte
    return h & 0xFFFFFFFF


def hash64(key: "Buffer") -> int:
    """Return the cdb64 hash of a key: 64 bits, unsigned; `hash` is its low half.

    Source: cdb-20251021.
    """
    if type(key) is not bytes:
        key = to_bytes(key)
    h = 5381
    for byte in key:
        h = h * 33 & 0xFFFFFFFFFFFFFFFF ^ byte
    return h


class Layout:
    """One format; all sizes are in bytes."""

    __slots__ = ("bits", "file_max", "hash", "header_size", "name", "number", "pair", "pair_size", "unpack")

    def __init__(self, name: str, number: str, file_max: int, hash_: "Callable[[Buffer], int]") -> None:
        """Describe a format by its name, the code `struct` has for its numbers, its limit and its hash."""
        self.name, self.hash, self.file_max = name, hash_, file_max
        self.bits = 64 if hash_ is hash64 else 32
        self.number = number
        self.pair = Struct(f"<2{number}")  # pointer, slot and record head alike
        self.unpack = self.pair.unpack_from
        self.pair_size = self.pair.size
        self.header_size = TABLES * self.pair.size

    def records_end(self, header: memoryview) -> int:
        """Return where the records end and the tables begin, by a header that is all there."""
        return records_end(header, self.pair_size // 2)

    def pack_all(self, numbers: list[int]) -> bytes:
        """Return any count of numbers as they stand in a file."""
        return pack(f"<{len(numbers)}{self.number}", *numbers)

    def hash_many(self, keys: list[bytes]) -> list[int]:
        """Return the hash of each key, in order."""
        if len(keys) <= FEW:
            return [self.hash(key) for key in keys]
        from ucspi.cdb._lanes import hash_lanes  # here, as who only reads does without

        hashes = hash_lanes([key if len(key) <= WIDE else b"" for key in keys], self.bits)
        for number, key in enumerate(keys):
            if len(key) > WIDE:
                hashes[number] = self.hash(key)
        return hashes


CDB = Layout("cdb", "I", FILE_MAX, hash)
CDB64 = Layout("cdb64", "Q", 2**63 - 1, hash64)
CDBLIB64 = Layout("cdblib64", "Q", 2**63 - 1, hash)
LAYOUTS = {layout.name: layout for layout in (CDB, CDB64, CDBLIB64)}


def named(name: str) -> Layout:
    """Return the layout of a format, or raise ValueError."""
    if name not in LAYOUTS:
        raise ValueError(f"the format of a cdb file is cdb or cdb64, not {name}")
    return LAYOUTS[name]
