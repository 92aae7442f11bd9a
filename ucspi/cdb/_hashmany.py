"""Hashing many keys at once, several times as fast as one by one.

One big integer holds the hashes of all keys, each in a lane of its own.  A step
of the hash then costs a few operations for all keys together.  A lane is a byte
wider than a hash, so that ``h * 33`` does not reach the next lane.

Keys get zeros in front until all are equally long.  Hashing a zero only
multiplies by 33, and multiplying by the inverse of 33 modulo a power of two
undoes that.  So the hash of a padded key starts at 5381 times that inverse, once
for each zero.
"""

from _struct import Struct

from ucspi.cdb._hash import HASHES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

FEW = 32  # up to so many keys, hashing one by one is faster
WIDE = 48  # bytes; a longer key is hashed by itself, because all others would be padded to its length
LANES = {32: Struct("<Ix"), 64: Struct("<Qx")}  # by the bits of a hash


def hash_many(keys: "Sequence[bytes]", bits: int) -> list[int]:
    """Return the hash of each key, in order; a hash has 32 or 64 ``bits``."""
    hash_one = HASHES[bits]
    if len(keys) <= FEW:
        return [hash_one(key) for key in keys]
    hashes = _hash_lanes([key if len(key) <= WIDE else b"" for key in keys], bits)
    for number, key in enumerate(keys):
        if len(key) > WIDE:
            hashes[number] = hash_one(key)
    return hashes


def _hash_lanes(keys: "Sequence[bytes]", bits: int) -> list[int]:
    lane, lengths = LANES[bits], [len(key) for key in keys]
    width, room = max(lengths), lane.size * len(keys)
    inverse = pow(33, -1, 1 << bits)
    starts = [lane.pack(5381 * inverse**missing % (1 << bits)) for missing in range(width, -1, -1)]
    padded = b"".join([key.rjust(width, b"\0") for key in keys])
    mask = int.from_bytes(lane.pack((1 << bits) - 1) * len(keys), "little")
    h = int.from_bytes(b"".join([starts[length] for length in lengths]), "little")
    column = bytearray(room)
    for number in range(width):
        column[:: lane.size] = padded[number::width]
        h = h * 33 & mask ^ int.from_bytes(column, "little")
    return [one for (one,) in lane.iter_unpack(h.to_bytes(room, "little"))]
