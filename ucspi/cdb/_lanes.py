"""Hashing many keys at once: one big integer holds all their hashes, each in a lane of its own.

A step of the hash then costs a few operations for all keys together.  A lane is
a byte wider than a hash, so that ``h * 33`` does not reach the next one.

Keys get zeros in front until all are equally long.  Hashing a zero only
multiplies by 33, which is undone by multiplying with its inverse modulo a power
of two: the hash of a padded key begins that many steps before 5381.
"""

from struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

LANES = {32: Struct("<Ix"), 64: Struct("<Qx")}  # by the bits of a hash


def hash_lanes(keys: "Sequence[bytes]", bits: int) -> list[int]:
    """Return the hash of each key, cut to 32 or 64 ``bits``; the longest key should not stand out."""
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
