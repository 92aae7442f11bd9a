"""Labels: the TAI64N time before a line, in hexadecimal.

The clock is read when the first byte of a line is looked at, so each line of a
block has its own time.  The C kernel is in ``cdbext/lines/timelabel.h``.
"""

from time import time_ns

from ucspi.lines.streamfilter import StreamFilter
from ucspi.unix import tai

_DIGITS = b"0123456789abcdef"
_BILLION = 10**9

SIZE = 25  # bytes of a label; in a log a space follows


def label(now: int) -> bytes:
    """Return a Unix time in nanoseconds as ``@`` and 24 digits, without a space."""
    return b"@" + tai.pack(now).hex().encode()


def time_of(text: bytes) -> int:
    """Return the Unix time of a label in nanoseconds; 0 if it is none, or of a time before 1970."""
    digits = text[1:SIZE]
    if text[:1] != b"@" or len(digits) != SIZE - 1 or digits.strip(_DIGITS):
        return 0
    second, nanosecond = int(digits[:16], 16) - tai.EPOCH, int(digits[16:], 16)
    return max(second, 0) * _BILLION + nanosecond if nanosecond < _BILLION else 0


class Stamper(StreamFilter):
    """Puts a label and a space before each line."""

    __slots__ = ()

    _KERNEL = ("struct usys_stamper", "usys_stamp")

    def _convert(self, data: bytes) -> bytes:
        pieces, at = [], 0
        while at < len(data):
            if not self._inside:
                pieces.append(label(time_ns()) + b" ")
            end = data.find(b"\n", at) + 1 or len(data)
            pieces.append(data[at:end])
            self._inside = not data.endswith(b"\n", at, end)
            at = end
        return b"".join(pieces)
