"""The base of the line filters: they begin in Python, and go on in C once loading it pays."""

from ucspi.lines.kernelloader import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ucspi.lines.kernel import Kernel

# Bytes of input that Python converts in the time that loading the C kernel takes.
_LARGE = 131072


class StreamFilter:
    """Converts a stream in blocks, cut anywhere.

    A subclass names its C kernel, and does the same in Python in `_convert`.  It
    keeps in ``_inside`` whether a line goes on in the next block, and holds back
    in ``_held`` what it can convert only when it knows the next block.
    """

    __slots__ = ("_held", "_inside", "_is_final", "_kernel", "_seen")

    _KERNEL = ("", "")  # the state's C type, and the function

    def __init__(self) -> None:
        self._held = b""
        self._inside = self._is_final = False
        self._kernel: Kernel | None = None
        self._seen = 0

    def feed(self, data: bytes) -> "Iterator[bytes | memoryview]":
        """Yield what is certain of the converted block; the next piece may overwrite the one before."""
        if self._kernel is None and not self._is_final and self._seen + len(data) >= _LARGE:
            self._is_final = True
            self._kernel = load(self._make_kernel)
        self._seen += len(data)
        data, self._held = self._held + data, b""
        if self._kernel is None:
            yield self._convert(data)
        else:
            yield from self._kernel.feed(data)
            self._held = self._kernel.rest

    def finish(self) -> bytes:
        """Return what was held back: the stream has ended."""
        held, self._held = self._held, b""
        return held

    def _convert(self, data: bytes) -> bytes:
        raise NotImplementedError

    def _make_kernel(self) -> "Kernel":
        from ucspi.lines.kernel import Kernel

        return Kernel(*self._KERNEL, inside=self._inside)
