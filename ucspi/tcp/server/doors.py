"""Where clients come in: the listeners, and when to look at them."""

import select
import time

from ucspi.tcp.server.door import Door
from ucspi.tcp.server.listener import GONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ucspi.tcp.server.listener import Listener
    from ucspi.tcp.server.settings import Settings

LONGEST = 2**31 - 1  # milliseconds that poll can wait
GONE_MAX = 1000  # clients in a second that are gone again; with more it is no client's trouble
PAUSE = 1.0  # seconds without accepting after the system ran out of something


def door(listener: "Listener", settings: "Settings") -> Door:
    """Return the door of a listener of either kind."""
    if listener.path is None:
        return Door(listener, settings)
    from ucspi.tcp.server.unixdoor import UnixDoor  # most servers have none

    return UnixDoor(listener, listener.path)


class Doors:
    """All listeners, looked at together or not at all; beside them, what else the loop waits for."""

    __slots__ = ("_doors", "_gone", "_gone_since", "_is_open", "_pause_until", "_poll")

    def __init__(self, listeners: "list[Listener]", settings: "Settings", others: "Iterable[int]") -> None:
        """Own the listeners; nothing is accepted yet.

        Args:
            listeners: the sockets to accept from.
            settings: what to set on each connection.
            others: descriptors that become readable when there is other work.
        """
        self._doors = {listener.fileno(): door(listener, settings) for listener in listeners}
        self._poll = select.poll()
        for other in others:
            self._poll.register(other, select.POLLIN)
        self._is_open = False
        self._pause_until = -PAUSE  # monotonic seconds
        self._gone, self._gone_since = 0, 0.0

    def wait(self, wanted: bool, deadline: float | None) -> tuple[list[int], list[Door]]:
        """Wait until there is other work, a client is there, or a time has come.

        Args:
            wanted: whether to look at the listeners; else clients stay in the backlog.
            deadline: in monotonic seconds, or None.

        Returns:
            The descriptors of other work, and the doors where a client is.
        """
        self._open(wanted and not self.is_paused())
        ready = [descriptor for descriptor, _ in self._poll.poll(self._timeout(deadline))]
        others = [descriptor for descriptor in ready if descriptor not in self._doors]
        doors = [self._doors[descriptor] for descriptor in ready if descriptor in self._doors]
        for door in doors:
            door.listener.keep_nonblocking()
        return others, doors

    def _open(self, wanted: bool) -> None:
        if wanted == self._is_open:
            return
        for descriptor in self._doors:
            if wanted:
                self._poll.register(descriptor, select.POLLIN)
            else:
                self._poll.unregister(descriptor)
        self._is_open = wanted

    def _timeout(self, deadline: float | None) -> int | None:
        """Return the milliseconds until something is due, None when nothing is."""
        now = time.monotonic()
        if now < self._pause_until:
            deadline = self._pause_until if deadline is None else min(deadline, self._pause_until)
        if deadline is None:
            return None
        return min(max(0, int((deadline - now) * 1000) + 1), LONGEST)

    def is_paused(self) -> bool:
        """Return whether nothing shall be accepted now."""
        return time.monotonic() < self._pause_until

    def pause(self) -> bool:
        """Accept nothing for a while; return whether it is long since the last such trouble."""
        now = time.monotonic()
        is_news = now > self._pause_until + PAUSE
        self._pause_until = now + PAUSE
        return is_news

    def accept_failed(self, number: int | None) -> bool:
        """Note that accept failed with this errno; return whether to warn of it.

        Where one client is the cause, the next may be fine.  Where the system is, accept nothing for a while.
        """
        now = time.monotonic()
        if now - self._gone_since > PAUSE:
            self._gone, self._gone_since = 0, now
        self._gone += 1
        return (number not in GONE or self._gone > GONE_MAX) and self.pause()

    def resume(self) -> None:
        """Accept again: something was given back."""
        self._pause_until = min(self._pause_until, time.monotonic())

    def close(self) -> None:
        """Stop listening for good: clients in the backlog are refused."""
        self._open(False)
        for door in self._doors.values():
            door.listener.close()
        self._doors.clear()
