"""How far the slots of a hash table stand from where the search for them begins."""

from struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PAIR = Struct("<II")  # a pointer, a slot or the head of a record


def distances(table: "bytes | memoryview") -> "Iterator[tuple[int, int]]":
    """Yield the position of a slot's record and the slot's distance, for each that is not empty."""
    slots = len(table) // PAIR.size
    for index, (h, record) in enumerate(PAIR.iter_unpack(table)):
        if record:
            yield record, (index - (h >> 8)) % slots
