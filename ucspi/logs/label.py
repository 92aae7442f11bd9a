"""Labels: the TAI64N time before a line, in hexadecimal.

A line's time is that at which its first byte is looked at, so the lines of one
block have times of their own.  The C kernel (``cdbext/label.h``) is asked for
large blocks only, so that who labels a few lines does not load it.
"""

from time import time_ns

from ucspi.unix import tai

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ucspi.logs._filter import Filter

SIZE = 25  # bytes, without the space that follows in a log

_LARGE = 8192


def label(now: int) -> bytes:
    """Return a Unix time in nanoseconds as ``@`` and 24 digits, without a space."""
    return b"@" + tai.pack(now).hex().encode()


class Stamper:
    """Puts a label and a space before each line of a stream that comes in blocks, cut anywhere."""

    __slots__ = ("_inside", "_native")

    def __init__(self) -> None:
        """Begin a stream."""
        self._inside = False
        self._native: Filter | None = None

    def feed(self, data: bytes) -> "Iterator[bytes | memoryview]":
        """Yield what the block becomes; a piece is good until the next is asked for."""
        if self._native is None and len(data) >= _LARGE:
            self._native = _load(self._inside)
        if self._native is None:
            yield self._stamp(data)
        else:
            yield from self._native.feed(data)

    def _stamp(self, data: bytes) -> bytes:
        pieces, at = [], 0
        while at < len(data):
            if not self._inside:
                pieces.append(label(time_ns()) + b" ")
            end = data.find(b"\n", at) + 1
            self._inside = not end
            pieces.append(data[at : end or len(data)])
            at = end or len(data)
        return b"".join(pieces)


def _load(inside: bool) -> "Filter | None":
    """Return the C kernel, told whether it begins inside a line, or None in a pure build."""
    from ucspi.logs import _native

    if _native.lib is None:
        return None
    from ucspi.logs._filter import Filter

    kernel = Filter("struct usys_stamper", "usys_stamp")
    kernel.state.inside = inside
    return kernel
