"""Ending a server gently: accept nobody, wait, then end the handlers that are left.

Each stage has its time: first the handlers may finish, then they get SIGTERM,
then SIGKILL; and a handler that even survives that is left to the system.
"""

from _signal import SIGKILL, SIGTERM

GRACE = 5.0  # seconds between SIGTERM and SIGKILL, and between SIGKILL and giving up


class Drain:
    """When to send which signal, once the end has begun."""

    __slots__ = ("_signals", "deadline", "is_over")

    def __init__(self, now: float, seconds: float) -> None:
        """Begin the end.

        Args:
            now: monotonic seconds.
            seconds: how long handlers may finish undisturbed.
        """
        self._signals = [SIGTERM, SIGKILL]
        self.deadline = now + seconds
        self.is_over = False  # nothing is left to be done but to exit

    def hurry(self, now: float) -> None:
        """Go to the next stage at once."""
        self.deadline = now

    def due(self, now: float) -> int | None:
        """Return the signal that every handler shall get now, if it is time for one."""
        if now < self.deadline:
            return None
        if not self._signals:
            self.is_over = True
            return None
        self.deadline = now + GRACE
        return self._signals.pop(0)
