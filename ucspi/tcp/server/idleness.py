"""Ending a server that has had nothing to do for some time.

Its listening sockets are somebody else's, who starts the next server when a client comes.
So whoever connects behind our last look is not lost: that client waits in the backlog.
"""

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Idleness:
    """Since when there is no client."""

    __slots__ = ("_is_busy", "_is_waited_for", "_seconds", "_since", "_was_busy")

    def __init__(
        self, seconds: float, is_busy: "Callable[[], bool]", is_waited_for: "Callable[[], bool]"
    ) -> None:
        """Begin to count.

        Args:
            seconds: how long a server without a client goes on.
            is_busy: returns whether there is a client or a handler.
            is_waited_for: returns whether a client waits to be accepted.
        """
        self._seconds, self._is_busy, self._is_waited_for = seconds, is_busy, is_waited_for
        self._since, self._was_busy = time.monotonic(), False

    def deadline(self) -> float | None:
        """Return when `is_over` may become true, in monotonic seconds; None: not before something happens."""
        return None if self._is_busy() else self._since + self._seconds

    def restart(self) -> None:
        """Begin to count anew: somebody came, even if only to be turned away."""
        self._since = time.monotonic()

    def is_over(self) -> bool:
        """Return whether it is time to end; to be asked in each turn."""
        was_busy, self._was_busy = self._was_busy, self._is_busy()
        if was_busy:
            self.restart()  # the last client has gone just now; the turn before may be long ago
        if self._was_busy:
            return False
        if time.monotonic() < self._since + self._seconds:
            return False
        if self._is_waited_for():
            self.restart()
            return False
        return True
