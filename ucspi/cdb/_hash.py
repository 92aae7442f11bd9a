"""The hash of one key."""

from ucspi.cdb._byteslike import to_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Buffer

LONG = 24  # bytes; from this length on, cutting the hash to 32 bits at each byte is cheaper than its growth


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


HASHES = {32: hash, 64: hash64}  # by the bits of the hash
