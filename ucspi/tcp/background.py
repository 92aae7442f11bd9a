"""Events in the background of a program's loop: descriptors that become ready, and alarms.

All descriptors are behind one epoll descriptor, so the loop's own poll takes as
long with thousands of them as with none.
"""

import select
import time
from _heapq import heapify, heappop, heappush

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Call = Callable[[], object]

READABLE, WRITABLE = select.EPOLLIN, select.EPOLLOUT
AT_ONCE = 64  # ready descriptors that are handled in one turn
SLACK = 64  # cancelled alarms that may stay in the heap until their time


class Alarm:
    """A call that is due at a certain time, unless it is cancelled before.

    Attributes:
        is_set: whether it has neither rung nor been cancelled.
    """

    __slots__ = ("_background", "_call", "is_set")

    def __init__(self, background: "Background", call: "Call") -> None:
        self._background, self._call, self.is_set = background, call, True

    def cancel(self) -> None:
        """Prevent the call; a second time does nothing."""
        if self.is_set:
            self.is_set = False
            self._background.pending -= 1

    def ring(self) -> None:
        """Make the call; if it raises, as for lack of memory, it stays due."""
        self._call()
        self.cancel()


class Background:
    """Calls functions when their descriptors are ready, or their times have come.

    Attributes:
        pending: how many alarms are set.
    """

    __slots__ = ("_alarms", "_epoll", "_sequence", "_watched", "pending")

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._watched: dict[int, Call] = {}
        self._alarms: list[tuple[float, int, Alarm]] = []
        self._sequence = self.pending = 0

    def fileno(self) -> int:
        """Return a descriptor that is readable when `turn` has something to do."""
        return self._epoll.fileno()

    def watch(self, descriptor: int, events: int, call: "Call") -> None:
        """Call a function whenever a descriptor is ready for these events, or has an error.

        A descriptor that is watched already gets the new events and the new
        function.  `forget` a descriptor before it is closed.
        """
        if descriptor in self._watched:
            self._epoll.modify(descriptor, events)
        else:
            self._epoll.register(descriptor, events)
        self._watched[descriptor] = call

    def forget(self, descriptor: int) -> None:
        """Stop watching a descriptor; if it is not watched, do nothing."""
        if self._watched.pop(descriptor, None) is not None:
            # Closing alone would not do: a child that has not executed yet has a copy.
            self._epoll.unregister(descriptor)

    def at(self, moment: float, call: "Call") -> Alarm:
        """Call a function at a time, in monotonic seconds."""
        alarm = Alarm(self, call)
        heappush(self._alarms, (moment, self._sequence, alarm))
        self._sequence += 1
        self.pending += 1
        return alarm

    def deadline(self) -> float | None:
        """Return when `turn` is due at the latest, in monotonic seconds; None when no alarm is set."""
        while self._alarms and not self._alarms[0][2].is_set:
            heappop(self._alarms)
        return self._alarms[0][0] if self._alarms else None

    def turn(self) -> None:
        """Make the calls of all ready descriptors, and of all alarms whose time has come."""
        # All calls are looked up first.  One of them may close a descriptor, and a new
        # descriptor may get its number: the events are not those of the new one.
        ready = [(number, self._watched.get(number)) for number, _ in self._epoll.poll(0, AT_ONCE)]
        for number, call in ready:
            if call is not None and self._watched.get(number) is call:
                call()
        now = time.monotonic()
        while (due := self.deadline()) is not None and due <= now:
            self._alarms[0][2].ring()
        if len(self._alarms) > 2 * self.pending + SLACK:
            # One alarm far ahead would keep all later alarms that were cancelled.
            self._alarms = [entry for entry in self._alarms if entry[2].is_set]
            heapify(self._alarms)

    def wait(self) -> None:
        """Wait until the next turn is due, in a program that has nothing else to do."""
        due = self.deadline()
        poll = select.poll()
        poll.register(self._epoll, select.POLLIN)
        poll.poll(None if due is None else max(0.0, due - time.monotonic()) * 1000 + 1)

    def close(self) -> None:
        """Close the epoll descriptor."""
        self._epoll.close()
