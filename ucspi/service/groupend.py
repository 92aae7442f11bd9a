"""Ending what is left of a process group whose leader has ended.

The number of a group stays taken as long as it has a member, even when its leader
was reaped.  So we look at once when the leader is reaped, and then every `AGAIN`
seconds.  That a group dies out between two looks, and its number is given to a
stranger, would take a whole round of pids in that time.
"""

import os
from _signal import SIGCONT, SIGKILL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from ucspi.service.eventloop import EventLoop

AGAIN: "Final" = 0.05  # seconds
LAST: "Final" = 1.0  # seconds that killed processes get to end


class GroupEnd:
    """Ends the rest of a group: a signal at once, SIGKILL later.

    Attributes:
        is_over: nothing is left, or what is left cannot be killed.
    """

    __slots__ = ("_group", "_left", "_loop", "_over", "_signal", "is_over")

    def __init__(
        self, loop: "EventLoop", group: int, signal: int, seconds: float, over: "Callable[[], object]"
    ) -> None:
        """Begin; call this right after the leader was reaped.

        Args:
            loop: calls us again.
            group: the number of the group.
            signal: sent at once, and SIGCONT.
            seconds: SIGKILL is sent after that time.
            over: called when it is over, but not if it is over at once.
        """
        self._loop, self._group, self._signal, self._left, self._over = loop, group, signal, seconds, over
        self.is_over = not send(group, 0)
        if not self.is_over:
            send(group, signal)
            send(group, int(SIGCONT))
            loop.after(AGAIN, self._look)

    def kill(self) -> None:
        """Send SIGKILL now."""
        self._left = min(self._left, 0.0)
        if not self.is_over:
            send(self._group, int(SIGKILL))

    def _look(self) -> None:
        if self.is_over:
            return
        self._left -= AGAIN
        if not send(self._group, 0) or self._left < -LAST:
            self.is_over = True
            self._over()
            return
        if self._left <= 0:
            send(self._group, int(SIGKILL))
        self._loop.after(AGAIN, self._look)


def send(group: int, number: int) -> bool:
    """Send a signal to a group; return whether it has members."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # there are some, but they are others' by now
    return True
