"""A filter in C, fed block by block: its state, and room for what it writes."""

from ucspi.logs import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# What a block of lines of ordinary length becomes in one piece.
_ROOM = 131072


class Filter:
    """A C function that keeps in ``state`` how much it consumed, and whatever else it must know."""

    __slots__ = ("_room", "_run", "_view", "state")

    def __init__(self, kind: str, name: str) -> None:
        """Take the names of the state's C type and of the function; the state is zeros."""
        self.state: Any = _native.ffi.new(f"{kind} *")
        self._run = getattr(_native.lib, name)
        self._view = memoryview(bytearray(_ROOM))
        self._room = _native.ffi.from_buffer(self._view)

    def feed(self, data: bytes) -> "Iterator[memoryview]":
        """Yield what the block becomes; a piece is good until the next is asked for."""
        at, start = 0, _native.ffi.from_buffer(data)
        while at < len(data):
            produced = self._run(self.state, start + at, len(data) - at, self._room, _ROOM)
            at += self.state.consumed
            yield self._view[:produced]
