"""Memory put aside, so that being out of it can be dealt with.

What it takes to drop a client and to say so is small things that live for a
moment.  They find room where the reserve was.
"""

SIZE = 65536  # bytes; small enough to be a part of the heap, which serves all small things at need
_KEPT: list[bytes] = []


def keep() -> None:
    """Put the memory aside again if it was given up, and if there is some."""
    if not _KEPT:
        try:
            _KEPT.append(bytes(SIZE))
        except MemoryError:
            pass


def give_up() -> None:
    """Let what comes next have it."""
    _KEPT.clear()
