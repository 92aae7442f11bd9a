"""Memory kept in reserve, so that a process can deal with a lack of memory.

To drop a client and to say so takes small objects that live for a moment.  They
find room where the reserve was.
"""

SIZE = 65536  # bytes; small enough to come from the heap, as all small objects do
_KEPT: list[bytes] = []


def keep() -> None:
    """Allocate the reserve if there is none, and if there is memory for it."""
    if not _KEPT:
        try:
            _KEPT.append(bytes(SIZE))
        except MemoryError:
            pass


def give_up() -> None:
    """Free the reserve for what comes next."""
    _KEPT.clear()
