"""How old a log's ``current`` is: the time since the oldest line in it was written.

While we run the steady clock counts, also while the machine sleeps.  What an
earlier program has left in ``current`` cannot be younger than the last finished
file, whose name says when that was, or than the log itself, which began when
``lock`` was made: nobody writes to that file.  The current directory is the log's.
"""

import os
from time import CLOCK_BOOTTIME, clock_gettime, time_ns

from ucspi.logs.finishedfiles import newest_time

_SECOND = 10**9


class Age:
    """The age of one log's ``current``."""

    __slots__ = ("_begun", "_most")

    def __init__(self, most: int, size: int) -> None:
        """Begin with a file of ``size`` bytes, which may become ``most`` seconds old."""
        self._most = most
        self._begun: float | None = clock_gettime(CLOCK_BOOTTIME) - _seconds_before() if size else None

    def note_lines(self) -> None:
        """Take note that lines are in the file now."""
        if self._begun is None:
            self._begun = clock_gettime(CLOCK_BOOTTIME)

    def note_end(self) -> None:
        """Take note that the file ended: an empty one follows, which has no age."""
        self._begun = None

    def left(self) -> float | None:
        """Return the seconds until the file is old enough to end, 0 if it is; None if it is empty."""
        if self._begun is None:
            return None
        return max(self._begun + self._most - clock_gettime(CLOCK_BOOTTIME), 0.0)


def _seconds_before() -> float:
    """Return the most seconds for which the lines may have been in ``current``."""
    now = time_ns()
    try:
        begun = max(newest_time(), os.stat(b"lock").st_mtime_ns)
    except OSError:
        begun = now
    return max(now - begun, 0) / _SECOND
