"""The states that one can wait for, and when a status shows them.

A state may have been there before the command that shall bring it about, so
the status from before the command is compared: ``svc --wait up -t`` waits for a new
process, ``svc --wait down -o`` for the end of the process that it started.
"""

from ucspi.service.statusrecord import WANT_UP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from ucspi.service.statusrecord import Status

UP: "Final" = b"up"
READY: "Final" = b"ready"
DOWN: "Final" = b"down"
FINISHED: "Final" = b"finished"
STATES: "Final" = (UP, DOWN, READY, FINISHED)

_ENDS: "Final" = frozenset(b"dtkiqb")  # commands by which a process is to end
_STARTS: "Final" = frozenset(b"uo")


class Goal:
    """One of `STATES`, after certain commands.

    Attributes:
        word: which.
    """

    __slots__ = ("_is_new", "_starts", "word")

    def __init__(self, word: bytes, letters: bytes = b"") -> None:
        """Take it, and the control bytes that are sent before the wait."""
        self.word = word
        opposite = _ENDS if self.is_upward else _STARTS
        self._is_new = not opposite.isdisjoint(letters)
        self._starts = not _STARTS.isdisjoint(letters)

    @property
    def is_upward(self) -> bool:
        """Whether a process has to run."""
        return self.word in (UP, READY)

    def is_reached(self, status: "Status", before: "Status | None") -> bool:
        """Return whether a service is so.

        Args:
            status: as it is.
            before: as it was before the commands were sent; None if there was no status.
        """
        if self._is_new and before is not None and _process(status) == _process(before):
            return False
        if self.word == UP:
            return status.is_up
        if self.word == READY:
            return status.is_ready or self.is_taken_for_ready(status)
        if status.is_up or (status.want == WANT_UP and not status.has_failed):
            return False  # it runs, or is about to
        return self.word == DOWN or not status.is_finishing

    def is_taken_for_ready(self, status: "Status") -> bool:
        """Return whether being up has to do, since the service cannot tell when it is ready."""
        return self.word == READY and status.is_up and not status.tells_ready

    def is_hopeless(self, status: "Status", before: "Status | None") -> bool:
        """Return whether the service has failed for good, and no command of ours starts it again."""
        if not self.is_upward or not status.has_failed:
            return False
        return not (self._starts and before is not None and _process(status) == _process(before))


def _process(status: "Status") -> tuple[bytes, int]:
    """Return what differs from one process of a service to the next, and from its end."""
    return status.stamp, status.pid
