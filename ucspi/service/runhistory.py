"""What is remembered of the runs of a service: how the last one ended, and how long to pause before the next.

The pause grows for a service that dies at once.  The first is the shorter number of
``backoff``; each is twice the last, up to the longer one.  A run that lasted longer
than the pause before it, and at least `GOOD` seconds, makes the next pause the first again.
"""

import os
from time import monotonic

from ucspi.service import statusrecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from ucspi.service.wishes import Wishes

GOOD: "Final" = 2.0  # seconds; the end of a run is noticed after a second at the earliest
_CORE = 0x80


class RunHistory:
    """The runs of one service.

    Attributes:
        code: the exit code of the last run, `statusrecord.BY_SIGNAL` or `statusrecord.UNKNOWN`.
        signal: the signal that ended it, else 0.
    """

    __slots__ = ("_pause", "_since", "_status", "code", "signal")

    def __init__(self) -> None:
        """Remember nothing."""
        self.code, self.signal = statusrecord.UNKNOWN, 0
        self._status = 0
        self._pause = self._since = 0.0

    def begin(self) -> None:
        """Note that a run begins."""
        self._since = monotonic()

    def end(self, status: int | None) -> None:
        """Note how a run ended: its wait status, or None if that is not known."""
        self._status = status or 0
        if status is None:
            self.code, self.signal = statusrecord.UNKNOWN, 0
        elif os.WIFSIGNALED(status):
            self.code, self.signal = statusrecord.BY_SIGNAL, os.WTERMSIG(status)
        else:
            self.code, self.signal = os.WEXITSTATUS(status), 0

    def arguments(self, name: bytes, group: int, *, is_like_runit: bool) -> list[bytes]:
        """Return the arguments of ``finish``: code, signal, name, and process group or 0."""
        code, signal = self.code, self.signal
        if code in (statusrecord.BY_SIGNAL, statusrecord.UNKNOWN):
            code = -1 if is_like_runit else statusrecord.BY_SIGNAL
        if is_like_runit:  # the low byte of the wait status
            signal |= self._status & _CORE if signal else 0
        return [b"%d" % code, b"%d" % signal, name, b"%d" % group]

    def pause(self, wishes: "Wishes") -> float:
        """Return how many seconds to pause before the next run."""
        if wishes.backoff is None:
            return 0.0
        first, longest = wishes.backoff
        lasted = monotonic() - self._since
        is_good = lasted > max(self._pause, GOOD)
        self._pause = first if is_good or not self._pause else min(2 * self._pause, longest)
        self._pause = max(self._pause, first)
        return self._pause
