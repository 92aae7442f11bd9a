"""What goes on beside the loop of a server: descriptors that are looked at, times that are kept.

All of them stand behind one descriptor, so the loop's own poll is as quick
with a thousand questions on their way as with none.
"""

import select
import time
from _heapq import heapify, heappop, heappush

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Call = Callable[[], object]

READABLE, WRITABLE = select.EPOLLIN, select.EPOLLOUT
AT_ONCE = 64  # descriptors looked at before others have their turn
SLACK = 64  # alarms that were cancelled and are kept until their time


class Alarm:
    """A time at which something is due, unless it is cancelled before."""

    __slots__ = ("_background", "_call", "is_set")

    def __init__(self, background: "Background", call: "Call") -> None:
        """Be set."""
        self._background, self._call, self.is_set = background, call, True

    def cancel(self) -> None:
        """Never ring; a second time does nothing."""
        if self.is_set:
            self.is_set = False
            self._background.pending -= 1

    def ring(self) -> None:
        """Do what is due; what fails for want of memory is due still."""
        self._call()
        self.cancel()


class Background:
    """Calls what belongs to a descriptor when it is ready, and to a time when it has come.

    Attributes:
        pending: how many alarms are set.
    """

    __slots__ = ("_alarms", "_epoll", "_sequence", "_watched", "pending")

    def __init__(self) -> None:
        """Watch nothing yet."""
        self._epoll = select.epoll()
        self._watched: dict[int, Call] = {}
        self._alarms: list[tuple[float, int, Alarm]] = []
        self._sequence = self.pending = 0

    def fileno(self) -> int:
        """Return a descriptor that is readable when `turn` has something to do."""
        return self._epoll.fileno()

    def watch(self, descriptor: int, events: int, call: "Call") -> None:
        """Call whenever a descriptor is ready for these events, or in trouble; forget it before it is closed.

        A descriptor that is watched already gets the new events and the new call.
        """
        if descriptor in self._watched:
            self._epoll.modify(descriptor, events)
        else:
            self._epoll.register(descriptor, events)
        self._watched[descriptor] = call

    def forget(self, descriptor: int) -> None:
        """Watch a descriptor no longer; one that is not watched is none."""
        if self._watched.pop(descriptor, None) is not None:
            # A child that has not executed yet keeps what we close: it must be told.
            self._epoll.unregister(descriptor)

    def at(self, moment: float, call: "Call") -> Alarm:
        """Call at a moment, in monotonic seconds."""
        alarm = Alarm(self, call)
        heappush(self._alarms, (moment, self._sequence, alarm))
        self._sequence += 1
        self.pending += 1
        return alarm

    def deadline(self) -> float | None:
        """Return when `turn` is due at the latest (monotonic seconds), None when no alarm is set."""
        while self._alarms and not self._alarms[0][2].is_set:
            heappop(self._alarms)
        return self._alarms[0][0] if self._alarms else None

    def turn(self) -> None:
        """Call for every descriptor that is ready, and for every moment that has passed."""
        # All calls are found first: one of them may close a descriptor whose
        # number another gets, and that one's events are not these.
        ready = [(number, self._watched.get(number)) for number, _ in self._epoll.poll(0, AT_ONCE)]
        for number, call in ready:
            if call is not None and self._watched.get(number) is call:
                call()
        now = time.monotonic()
        while (due := self.deadline()) is not None and due <= now:
            self._alarms[0][2].ring()
        if len(self._alarms) > 2 * self.pending + SLACK:
            # One question that hangs for long would keep all that were answered since.
            self._alarms = [entry for entry in self._alarms if entry[2].is_set]
            heapify(self._alarms)

    def wait(self) -> None:
        """Wait for the next turn, for a program that has nothing else to do."""
        due = self.deadline()
        poll = select.poll()
        poll.register(self._epoll, select.POLLIN)
        poll.poll(None if due is None else max(0.0, due - time.monotonic()) * 1000 + 1)

    def close(self) -> None:
        """Watch nothing any more."""
        self._epoll.close()
