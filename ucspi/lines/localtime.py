"""Local time in place of the labels at the beginning of lines.

A label is ``@`` and 24 lower-case hexadecimal digits; the next byte must not be
such a digit.  The C kernel is in ``cdbext/lines/localtime.h``.  It and Python ask
the same C library, so both follow all time zones, also the leap seconds of
``right/`` zones.
"""

import time

from ucspi.lines.label import SIZE
from ucspi.lines.streamfilter import StreamFilter
from ucspi.unix.tai import EPOCH

_DIGITS = b"0123456789abcdef"
_YEARS = range(2**31)


class Localizer(StreamFilter):
    """Replaces each label by its local time; copies all other lines unchanged."""

    __slots__ = ("_second", "_text")

    _KERNEL = ("struct usys_localizer", "usys_local")

    def __init__(self) -> None:
        super().__init__()
        self._second = b""  # the digits of the second for which there is a text
        self._text = b""

    def finish(self) -> bytes:
        """Return what was held back, as local time if it is a label: no digit follows."""
        held = super().finish()
        self._inside = False  # what is held back begins a line; only the kernel kept track
        return self._convert(held + b"\n")[:-1] if held else b""

    def _convert(self, data: bytes) -> bytes:
        time.tzset()  # /etc/localtime may have been replaced
        self._second = b""
        pieces, at = [], 0
        while at < len(data):
            if not self._inside and data.startswith(b"@", at):
                digits = _count_digits(data[at + 1 : at + 1 + SIZE])
                if at + 1 + digits == len(data) and digits < SIZE:
                    self._held = data[at:]  # the next bytes decide
                    break
                if digits == SIZE - 1:
                    pieces.append(self._time(data[at : at + SIZE]))
                    at += SIZE
            end = data.find(b"\n", at) + 1 or len(data)
            pieces.append(data[at:end])
            self._inside = not data.endswith(b"\n", at, end)
            at = end
        return b"".join(pieces)

    def _time(self, label: bytes) -> bytes:
        """Return the local time of a label, or the label when the calendar has no such time."""
        if self._second != label[1:17]:
            self._second = label[1:17]
            self._text = second_text(int(self._second, 16) - EPOCH)
        return b"%s.%09d" % (self._text, int(label[17:], 16)) if self._text else label


def _count_digits(text: bytes) -> int:
    return len(text) - len(text.lstrip(_DIGITS))


def second_text(second: int) -> bytes:
    """Return a Unix time to the second as local time; empty when the calendar has no such time."""
    try:
        local = time.localtime(second)
    except (OverflowError, OSError):
        return b""
    if local.tm_year not in _YEARS:
        return b""
    return b"%d-%02d-%02d %02d:%02d:%02d" % local[:6]
