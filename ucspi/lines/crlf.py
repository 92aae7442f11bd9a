"""Line ends: LF as Unix has them, CR LF as the network has them.

Each filter takes a stream block by block, cut anywhere, and gives back at once
what can be said of it.  The C functions are asked for large blocks only, so
that who moves a few lines does not load them.
"""

from ucspi.lines.kernelloader import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LARGE = 8192
_NOT_LOADED: "Any" = object()


class Adder:
    """Puts a CR before every LF, also behind another CR."""

    __slots__ = ("_native",)

    def __init__(self) -> None:
        """Begin a stream."""
        self._native = _NOT_LOADED

    def feed(self, data: bytes) -> "bytes | memoryview":
        """Return the block converted; a view is good until the next call."""
        if len(data) < _LARGE:
            return data.replace(b"\n", b"\r\n")
        if self._native is _NOT_LOADED:
            self._native = load(lambda: _Compiled("usys_add_cr", 2))
        return data.replace(b"\n", b"\r\n") if self._native is None else self._native(data)

    def finish(self) -> bytes:
        """Return what was held: never anything."""
        return b""


class Remover:
    """Takes away one CR directly before each LF."""

    __slots__ = ("_held", "_native")

    def __init__(self) -> None:
        """Begin a stream."""
        self._held = b""
        self._native = _NOT_LOADED

    def feed(self, data: bytes) -> "bytes | memoryview":
        """Return the block converted; a view is good until the next call.

        A CR at the end of the block is held until it is known what follows.
        """
        data = self._held + data
        self._held = b"\r" if data.endswith(b"\r") else b""
        if self._held:
            data = data[:-1]
        if len(data) < _LARGE:
            return data.replace(b"\r\n", b"\n")
        if self._native is _NOT_LOADED:
            self._native = load(lambda: _Compiled("usys_remove_cr", 1))
        return data.replace(b"\r\n", b"\n") if self._native is None else self._native(data)

    def finish(self) -> bytes:
        """Return what was held: nothing follows."""
        held, self._held = self._held, b""
        return held


class Fixer:
    """Puts a CR before every LF that has none."""

    __slots__ = ("_behind_cr",)

    def __init__(self) -> None:
        """Begin a stream."""
        self._behind_cr = False

    def feed(self, data: bytes) -> bytes:
        """Return the block converted."""
        whole = data[:1] if self._behind_cr and data.startswith(b"\n") else b""
        self._behind_cr = data.endswith(b"\r") if data else self._behind_cr
        return whole + data[len(whole) :].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


class _Compiled:
    """A function of the compiled module, with room for its output: ``factor`` times as long at most."""

    __slots__ = ("_convert", "_factor", "_ffi", "_room", "_view")

    def __init__(self, function: str, factor: int) -> None:
        from ucspi.unix import native

        self._ffi, self._convert, self._factor = native.ffi, getattr(native.lib, function), factor
        self._view = memoryview(b"")

    def __call__(self, data: bytes) -> memoryview:
        if len(self._view) < self._factor * len(data):
            self._view = memoryview(bytearray(self._factor * len(data)))
            self._room = self._ffi.from_buffer(self._view)
        return self._view[: self._convert(data, len(data), self._room)]
