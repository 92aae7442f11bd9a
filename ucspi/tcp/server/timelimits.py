"""Time limits: how long a handler may serve one client, and how long nothing may move.

Each limited client has one entry in a heap, with the moment at which there is
something to do about it.  So a server in which nothing is due does nothing, however
many clients it has.  At its limit a handler gets SIGTERM; `GRACE` seconds later it is
killed.

A client is idle while no byte comes from it and it acknowledges none.  The kernel
counts both.  We look a few times in each period, and only remember the count: who is
there with the count of a look that long ago has moved nothing since.  The moments of
the last packets, which the kernel has too, would not do: an answer to a
retransmission, or to a probe of a closed window, sets them anew.
"""

import time
from _heapq import heapify, heappop, heappush, heapreplace

from ucspi.unix.errtext import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from ucspi.tcp.connection import Connection
    from ucspi.tcp.report.protocol import Report

    class Means(Protocol):
        """What a limit can do to a connection; `endings.Endings` is it."""

        def identify(self, descriptor: int) -> bytes:
            """Return what a connection is known by later; empty: it is not known."""
            ...

        def moved(self, identity: bytes) -> int | None:
            """Return how many bytes it has moved; None: nobody holds it.

            Raises:
                OSError: the kernel does not say.
            """
            ...

        def terminate(self, connection: Connection) -> bool:
            """Send SIGTERM to the handler; return False if it is not known yet."""
            ...

        def kill(self, connection: Connection, identity: bytes) -> bool:
            """Shut the connection and kill the handler, or begin to; return False if that has to wait."""
            ...

        def kill_only(self, connection: Connection) -> None:
            """Kill the handler."""
            ...

        def cut(self, identity: bytes) -> None:
            """Cut the connection of a handler that has ended, if somebody else still holds it."""
            ...


GRACE = 10.0  # seconds between SIGTERM and SIGKILL
LOOKS = 4  # looks at a connection in each period of idleness; so it ends at most a quarter late
AT_ONCE = 64  # clients that are seen to in one turn of the loop; one takes 10 microseconds or so
TICK = 0.05  # seconds: those that are due in so short a time are seen to together
AGAIN = 0.1  # seconds until what was not possible is tried again
HELP = 1.0  # seconds within which the connection must have been shut; then the handler is killed only
SLACK = 64  # entries of clients that have gone, which may stay in the heap in any case
QUIET = 3600.0  # seconds without another warning that the kernel does not answer
NEVER = float("inf")

MAX_TIME, RULE_TIME, IDLE_TIME = b"max-time", b"MAXTIME", b"idle-time"


class Timed:
    """One client with a limit.

    Attributes:
        at: when there is something to do; None: never again.
        stage: what is done then.
        is_signalled: whether its handler got SIGTERM.
    """

    __slots__ = (
        *("at", "connection", "count", "end", "identity", "is_signalled", "limit", "look_at"),
        *("quiet_since", "stage"),
    )

    def __init__(self, connection: "Connection", identity: bytes, now: float) -> None:
        self.connection, self.identity = connection, identity
        self.at: float | None = None
        self.stage: Callable[[TimeLimits, Timed, float], float | None] = TimeLimits._watch
        self.is_signalled = False
        self.limit, self.end = (MAX_TIME, 0), NEVER  # its name and seconds
        # Where no byte has moved by the first look, none has since the beginning.
        self.look_at, self.quiet_since, self.count = NEVER, now, 0


class TimeLimits:
    """The clients with limits, and what is done when these are reached."""

    __slots__ = (
        *("_clients", "_entries", "_idle_time", "_max_time", "_means", "_now"),
        *("_pause", "_report", "_sequence", "_warn_at"),
    )

    def __init__(
        self,
        max_time: int | None,
        idle_time: int | None,
        means: "Means",
        report: "Report",
        now: "Callable[[], float]" = time.monotonic,
    ) -> None:
        """Limit nobody yet.

        Args:
            max_time: seconds that every client may have; None: no limit.
            idle_time: seconds in which something must move; None: no limit.
            means: acts on handlers and connections.
            report: is told.
            now: a clock in seconds that is never set back.
        """
        self._max_time, self._idle_time = max_time, idle_time
        self._pause = (idle_time or 0) / LOOKS
        self._means, self._report, self._now = means, report, now
        self._clients: dict[Connection, Timed] = {}
        self._entries: list[tuple[float, int, Timed]] = []
        self._sequence = 0
        self._warn_at = now()  # the earliest time of the next warning

    def enter(self, connection: "Connection", rule_time: int | None) -> None:
        """Limit a client whose handler is started next; `leave` must follow.

        Args:
            connection: still has its descriptor.
            rule_time: seconds that its rule gives it; None: the rule does not say.

        Raises:
            MemoryError: it is not limited.
        """
        if rule_time is None and self._max_time is None and self._idle_time is None:
            return
        now = self._now()
        identity = self.identify(connection) if connection.tls is None else connection.tls.identity
        timed = Timed(connection, identity, now)
        seconds, name = self._max_time, MAX_TIME
        if rule_time is not None and (seconds is None or rule_time < seconds):
            seconds, name = rule_time, RULE_TIME
        if seconds is not None:
            timed.limit, timed.end = (name, seconds), now + seconds
        if self._idle_time is not None:
            timed.look_at = now + self._pause
        timed.at = min(timed.end, timed.look_at)
        self._clients[connection] = timed
        try:
            heappush(self._entries, (timed.at, self._next_number(), timed))
        except MemoryError:
            del self._clients[connection]
            raise

    def identify(self, connection: "Connection") -> bytes:
        """Return what a connection is known by later, while its descriptor is ours; see `Means.identify`."""
        return self._means.identify(connection.descriptor)

    def _next_number(self) -> int:
        self._sequence += 1
        return self._sequence

    def leave(self, connection: "Connection") -> None:
        """Limit a client no more: its handler has ended, or was not started; any other one is ignored."""
        timed = self._clients.pop(connection, None)
        if timed is None:
            return
        if not timed.is_signalled:
            timed.at = None  # its entry stays until its time, or until there are many of the kind
            if len(self._entries) > 2 * len(self._clients) + SLACK:
                self._entries = [entry for entry in self._entries if entry[2].at == entry[0]]
                heapify(self._entries)
        else:
            timed.stage = TimeLimits._sweep  # others may hold the connection; they have the same time

    def deadline(self) -> float | None:
        """Return when `turn` has something to do, in seconds of the clock; None for never."""
        entries = self._entries
        while entries and entries[0][2].at != entries[0][0]:
            heappop(entries)
        return entries[0][0] + TICK if entries else None

    def turn(self) -> None:
        """Do what is due by now, or a part of it; `deadline` tells if there is more."""
        if not self._entries:
            return
        now, entries = self._now(), self._entries
        for _ in range(AT_ONCE):
            if not entries or entries[0][0] > now:
                return
            moment, _, timed = entries[0]
            if timed.at != moment:
                heappop(entries)
                continue
            at = timed.stage(self, timed, now)
            if at is None:
                timed.at = None
                heappop(entries)
            else:
                entry = (at, self._next_number(), timed)
                timed.at = at
                heapreplace(entries, entry)  # memory may have run out before, but not from here on

    # Each stage returns when it, or the next one, is due; None: nothing more is done.

    def _watch(self, timed: Timed, now: float) -> float | None:
        if now >= timed.end or (now >= timed.look_at and self._is_idle(timed, now)):
            return self._terminate(timed, now)
        at = min(timed.end, timed.look_at)
        return at if at < NEVER else None

    def _is_idle(self, timed: Timed, now: float) -> bool:
        """Look at a connection; return whether nothing has moved for too long."""
        assert self._idle_time is not None, "there is a look only with that limit"
        try:
            count = self._means.moved(timed.identity)
        except OSError as error:
            self._warn(error, now)
            timed.look_at = now + self._pause
            return False
        if count is None:
            timed.look_at = NEVER  # nobody waits for the handler any more
            return False
        if count != timed.count:
            timed.count, timed.quiet_since = count, now
        end = timed.quiet_since + self._idle_time
        if now >= end:
            timed.limit = IDLE_TIME, self._idle_time
            return True
        timed.look_at = min(now + self._pause, end)
        return False

    def _warn(self, error: OSError, now: float) -> None:
        if now >= self._warn_at:
            self._report.warn(b"unable to see which clients are idle: " + describe(error.errno))
            self._warn_at = now + QUIET

    def _terminate(self, timed: Timed, now: float) -> float:
        timed.stage = TimeLimits._terminate
        if not self._means.terminate(timed.connection):
            return now + AGAIN  # its process is not known yet
        timed.is_signalled = True
        self._report.expired(timed.connection, *timed.limit)
        timed.stage, timed.end = TimeLimits._kill, now + GRACE  # last: if memory runs out, all is done again
        return timed.end

    def _kill(self, timed: Timed, now: float) -> float:
        if not self._means.kill(timed.connection, timed.identity) and now < timed.end + HELP:
            return now + AGAIN
        self._report.killing(timed.connection)
        timed.stage = TimeLimits._kill_only
        return now + HELP

    def _kill_only(self, timed: Timed, now: float) -> None:
        """Kill a handler that is still there: to shut its connection takes too long."""
        self._means.kill_only(timed.connection)

    def _sweep(self, timed: Timed, now: float) -> None:
        """See to the connection of a handler that has ended after SIGTERM."""
        if timed.identity:
            self._means.cut(timed.identity)
