"""Line ends: LF on Unix, CR LF on the network.

Each filter takes a stream in blocks, cut anywhere, and returns as much of the
result as is certain.  Only large blocks are given to the C functions, so a
program that moves a few lines does not load them.
"""

from ucspi.lines.kernelloader import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LARGE = 8192
_NOT_LOADED: "Any" = object()


class CrAdder:
    """Puts a CR before every LF, even after another CR."""

    __slots__ = ("_native",)

    def __init__(self) -> None:
        self._native = _NOT_LOADED

    def feed(self, data: bytes) -> "bytes | memoryview":
        """Return the converted block; if it is a view, the next call overwrites it."""
        if len(data) < _LARGE:
            return data.replace(b"\n", b"\r\n")
        if self._native is _NOT_LOADED:
            self._native = load(lambda: _Compiled("usys_add_cr", 2))
        return data.replace(b"\n", b"\r\n") if self._native is None else self._native(data)

    def finish(self) -> bytes:
        """Return what was held back: nothing."""
        return b""


class CrRemover:
    """Removes one CR directly before each LF."""

    __slots__ = ("_held", "_native")

    def __init__(self) -> None:
        self._held = b""
        self._native = _NOT_LOADED

    def feed(self, data: bytes) -> "bytes | memoryview":
        """Return the converted block; if it is a view, the next call overwrites it.

        A CR at the end of the block is held back until the next byte is known.
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
        """Return the CR that was held back, if there is one: the stream has ended."""
        held, self._held = self._held, b""
        return held


class CrFixer:
    """Puts a CR before every LF that does not follow a CR."""

    __slots__ = ("_behind_cr",)

    def __init__(self) -> None:
        self._behind_cr = False

    def feed(self, data: bytes) -> bytes:
        """Return the converted block."""
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
