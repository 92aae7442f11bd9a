"""Calls the C kernel of a filter: one call for as much of a block as fits into the output buffer."""

from ucspi.unix import native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_ROOM = 65536  # bytes of the output buffer: what a pipe holds


class Kernel:
    """A C function and its state, which says how much it consumed and whether a line goes on.

    ``rest`` is the end of the last block, about which it could not decide yet.
    """

    __slots__ = ("_room", "_run", "_state", "_view", "rest")

    def __init__(self, kind: str, function: str, *, inside: bool) -> None:
        """Make a state of the C type ``kind``; ``inside`` says whether the stream goes on inside a line."""
        self._state: Any = native.ffi.new(f"{kind} *")
        self._state.inside = inside
        self._run = getattr(native.lib, function)
        self._view = memoryview(bytearray(_ROOM))
        self._room = native.ffi.from_buffer(self._view)
        self.rest = b""

    def feed(self, data: bytes) -> "Iterator[memoryview]":
        """Yield the converted block in pieces; the next piece overwrites the one before."""
        at, start = 0, native.ffi.from_buffer(data)
        while at < len(data):
            produced = self._run(self._state, start + at, len(data) - at, self._room, _ROOM)
            at += self._state.consumed
            if not produced:
                break
            yield self._view[:produced]
        self.rest = data[at:]
