"""All doors of a server, and when to accept at them."""

import select
import time

from ucspi.tcp.server.door import Door
from ucspi.tcp.server.listener import CLIENT_ERRORS
from ucspi.unix import native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ucspi.tcp.server.denyingdoor import Denying
    from ucspi.tcp.server.listener import Listener
    from ucspi.tcp.server.settings import Settings

LONGEST = 2**31 - 1  # milliseconds that poll can wait
CLIENT_ERRORS_MAX = 1000  # failures that clients cause in a second; more of them are a trouble of the system
NETWORKS_MOST = 64  # of balancers; a door goes through them for every client
PAUSE = 1.0  # seconds without accepting, after the system ran out of something


def door(listener: "Listener", settings: "Settings", denying: "Denying | None" = None) -> Door:
    """Return the door of a TCP or UNIX-domain listener; for ``denying`` see `DenyingDoor`."""
    if listener.path is None:
        networks = settings.proxy_from
        if networks is None or native.lib is None or not 0 < len(networks.mapped) <= NETWORKS_MOST:
            return Door(listener, settings)
        if denying is not None and settings.tells_nobody_of_denied:
            from ucspi.tcp.server.denyingdoor import DenyingDoor

            return DenyingDoor(listener, settings, networks, denying)
        from ucspi.tcp.server.proxieddoor import ProxiedDoor  # most servers have no balancer

        return ProxiedDoor(listener, settings, networks)
    from ucspi.tcp.server.unixdoor import UnixDoor  # most servers have no UNIX-domain listener

    return UnixDoor(listener, listener.path)


class Doors:
    """The doors, polled together or not at all, and the other descriptors that the loop waits for."""

    __slots__ = ("_doors", "_errors", "_errors_since", "_is_open", "_pause_until", "_poll")

    def __init__(
        self,
        listeners: "list[Listener]",
        settings: "Settings",
        others: "Iterable[int]",
        denying: "Denying | None" = None,
    ) -> None:
        """Own the listeners; accept nothing yet.

        Args:
            listeners: the sockets to accept from.
            settings: what to set on each connection.
            others: descriptors that become readable when the loop has other work.
            denying: see `DenyingDoor`; None where there are no rules.
        """
        self._doors = {listener.fileno(): door(listener, settings, denying) for listener in listeners}
        self._poll = select.poll()
        for other in others:
            self._poll.register(other, select.POLLIN)
        self._is_open = False
        self._pause_until = -PAUSE  # monotonic seconds
        self._errors, self._errors_since = 0, 0.0

    def wait(self, wanted: bool, deadline: float | None) -> tuple[list[int], list[Door]]:
        """Wait for a client, for other work, or until a deadline.

        Args:
            wanted: whether to accept clients; if not, they stay in the backlog.
            deadline: in monotonic seconds; None for no deadline.

        Returns:
            The descriptors with other work, and the doors where a client is waiting.
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
        """Return the milliseconds to wait; None means no limit."""
        now = time.monotonic()
        if now < self._pause_until:
            deadline = self._pause_until if deadline is None else min(deadline, self._pause_until)
        if deadline is None:
            return None
        return min(max(0, int((deadline - now) * 1000) + 1), LONGEST)

    def is_paused(self) -> bool:
        """Return whether `pause` still forbids to accept."""
        return time.monotonic() < self._pause_until

    def pause(self) -> bool:
        """Accept nothing for `PAUSE` seconds; return True when the last pause is long over."""
        now = time.monotonic()
        is_news = now > self._pause_until + PAUSE
        self._pause_until = now + PAUSE
        return is_news

    def accept_failed(self, number: int | None) -> bool:
        """Note that accept failed with this errno; return whether to warn of it.

        Where one client is the cause, the next may be fine.  Where the system is, accept nothing for a while.
        """
        now = time.monotonic()
        if now - self._errors_since > PAUSE:
            self._errors, self._errors_since = 0, now
        self._errors += 1
        return (number not in CLIENT_ERRORS or self._errors > CLIENT_ERRORS_MAX) and self.pause()

    def resume(self) -> None:
        """End a pause, because something became free."""
        self._pause_until = min(self._pause_until, time.monotonic())

    def is_somebody_waiting(self) -> bool:
        """Return whether a client waits to be accepted, also while none is wanted."""
        waiting = select.poll()
        for descriptor in self._doors:
            waiting.register(descriptor, select.POLLIN)
        return bool(waiting.poll(0))

    def close(self) -> None:
        """Close all listeners; clients in the backlog are refused."""
        self._open(False)
        for door in self._doors.values():
            door.listener.close()
        self._doors.clear()
