"""A filter's kernel in C, fed block by block: its state, and room for what it writes."""

from ucspi.unix import native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# What a pipe holds.
_ROOM = 65536


class Kernel:
    """A C function whose state, zeros at first, says how much it consumed and whether it is inside a line.

    ``rest`` is the end of the last block that it could not decide about.
    """

    __slots__ = ("_room", "_run", "_state", "_view", "rest")

    def __init__(self, kind: str, function: str, *, inside: bool) -> None:
        """Take the names of the state's C type and of the function."""
        self._state: Any = native.ffi.new(f"{kind} *")
        self._state.inside = inside
        self._run = getattr(native.lib, function)
        self._view = memoryview(bytearray(_ROOM))
        self._room = native.ffi.from_buffer(self._view)
        self.rest = b""

    def feed(self, data: bytes) -> "Iterator[memoryview]":
        """Yield what the block becomes; a piece is good until the next is asked for."""
        at, start = 0, native.ffi.from_buffer(data)
        while at < len(data):
            produced = self._run(self._state, start + at, len(data) - at, self._room, _ROOM)
            at += self._state.consumed
            if not produced:
                break
            yield self._view[:produced]
        self.rest = data[at:]
