"""Local time in place of the labels that begin lines.

A label is ``@``, 24 lower-case hexadecimal digits, and a byte that is none.
The kernel is in ``cdbext/lines/localtime.h``; it and Python ask the same C library, so
time zones, leap seconds of ``right/`` zones too, are what they are everywhere.
"""

import time

from ucspi.lines.label import SIZE
from ucspi.lines.streamfilter import Filter
from ucspi.unix.tai import EPOCH

_DIGITS = b"0123456789abcdef"
_YEARS = range(2**31)


class Localizer(Filter):
    """Puts the local time in place of each label; copies every other line as it is."""

    __slots__ = ("_second", "_text")

    _KERNEL = ("struct usys_localizer", "usys_local")

    def __init__(self) -> None:
        """Begin a stream."""
        super().__init__()
        self._second = b""  # the digits that the text was made of
        self._text = b""

    def finish(self) -> bytes:
        """Return what was held, as the time if it is a label: no digit follows."""
        held = super().finish()
        self._inside = False  # what is held begins a line; the kernel alone kept track
        return self._convert(held + b"\n")[:-1] if held else b""

    def _convert(self, data: bytes) -> bytes:
        time.tzset()  # who replaces /etc/localtime is followed
        self._second = b""
        pieces, at = [], 0
        while at < len(data):
            if not self._inside and data.startswith(b"@", at):
                digits = _count_digits(data[at + 1 : at + 1 + SIZE])
                if at + 1 + digits == len(data) and digits < SIZE:
                    self._held = data[at:]  # what follows decides
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
        """Return the time of a label, or the label where no calendar has that time."""
        if self._second != label[1:17]:
            self._second = label[1:17]
            self._text = _second(int(self._second, 16) - EPOCH)
        return b"%s.%09d" % (self._text, int(label[17:], 16)) if self._text else label


def _count_digits(text: bytes) -> int:
    return len(text) - len(text.lstrip(_DIGITS))


def _second(second: int) -> bytes:
    """Return a Unix time to the second as local time, empty where no calendar has it."""
    try:
        local = time.localtime(second)
    except (OverflowError, OSError):
        return b""
    if local.tm_year not in _YEARS:
        return b""
    return b"%d-%02d-%02d %02d:%02d:%02d" % local[:6]
