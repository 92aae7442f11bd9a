"""The local time before a line: ISO 8601 with nanoseconds and two spaces, as s6-log's T writes it.

The C library is asked once for each second that has lines.  It looks for the
time zone again then, so who replaces /etc/localtime is followed.  The C kernel
is in ``cdbext/lines/localstamp.h``.
"""

import time

from ucspi.lines.localtime import second_text

_SECOND = 1_000_000_000


class LocalStamper:
    """Writes times as local time, and keeps the text of the last second."""

    __slots__ = ("_second", "_text")

    def __init__(self) -> None:
        self._second: int | None = None
        self._text = b""

    def stamp(self, now: int) -> bytes:
        """Return a Unix time in nanoseconds as local time, its two spaces behind it.

        It is empty where the calendar has no such time.
        """
        second, fraction = divmod(now, _SECOND)
        if second != self._second:
            time.tzset()
            self._second, self._text = second, second_text(second)
        return b"%s.%09d  " % (self._text, fraction) if self._text else b""
