"""The places of clients that have connected, and have not yet sent what must come first.

Such a client is not one of the children that ``-c`` counts: it costs a
descriptor and some memory, but no process.  There are other bounds: a time, and
a number of places, of which one source may have half.  Beyond that the oldest
client has to go, since those that send what they should do so at once.

Each descriptor of ours is one more that every new handler has to close.  So if
there are many clients, a helper waits for the first bytes of most of them.

A source is an IPv4 address, the /64 of an IPv6 address, or the user of a
UNIX-domain client.
"""

import errno
import os
import time

from ucspi.tcp.background import READABLE
from ucspi.tcp.server.census import NET6_BITS, network
from ucspi.unix import memoryreserve, native, oom
from ucspi.unix.descriptorholder import DescriptorHolder
from ucspi.unix.errtext import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ucspi.tcp.background import Alarm, Background
    from ucspi.tcp.connection import Connection

    Drop = Callable[[Connection, bytes], object]
    Source = bytes | tuple[int, int]

OURS_MOST = 32  # clients whose descriptors stay here; a handler can close so many in 5 microseconds
HELPER = b"tcpserver-waits"  # the name of the helper in ps; the kernel keeps 15 bytes
FULL = b"its place is needed: %d clients are pending (--pending)"
FULL_OF_SOURCE = b"its place is needed: %d clients from there are pending, half of --pending"


class Step:
    """What a client is waited for; a stage of the server derives from it.

    Attributes:
        connection: the client.
        is_watched: whether its descriptor is ours to wait on.
    """

    __slots__ = ("connection",)
    is_watched = True

    def __init__(self, connection: "Connection") -> None:
        self.connection = connection

    def go_on(self) -> None:
        """Read what has come; to be called when the connection is readable, at its end, and after errors."""
        raise NotImplementedError

    def what_came(self) -> bytes:
        """Return a few words on what is missing and how much has come, for the log."""
        raise NotImplementedError


class _Place:
    """Where a client waits: for its next bytes until its alarm, then, without one, for room."""

    __slots__ = ("_drop", "alarm", "number", "seconds", "source", "step")

    def __init__(self, step: Step, source: "Source", seconds: float, drop: "Drop") -> None:
        self.step, self.source, self.seconds, self._drop = step, source, seconds, drop
        self.alarm: Alarm | None = None
        self.number = 0  # of the descriptor, while the helper has it

    def ring(self) -> None:
        """Close the client: its time is over."""
        self._drop(self.step.connection, b"%s in %g seconds" % (self.step.what_came(), self.seconds))


class Pending:
    """The clients that are waited for, each in a place of its own until it is released or closed.

    Attributes:
        changed: called when there is one more; None calls nothing.
    """

    __slots__ = (
        *("_away", "_background", "_drop", "_holder", "_known", "_most", "_places", "_sources"),
        "changed",
    )

    def __init__(self, background: "Background", most: int, drop: "Drop") -> None:
        """Have no client yet.

        Args:
            background: calls back when bytes have come, or a time is over.
            most: how many places there are, at least 1.
            drop: closes a client and reports the reason.
        """
        self._background, self._most, self._drop = background, most, drop
        self._away: dict[int, _Place] = {}  # those whose descriptors the helper has, by number
        self._holder = DescriptorHolder(background, _prepare(), self._take_back, self._lose)
        self.changed: Callable[[], object] | None = None
        self._places: dict[Connection, _Place] = {}  # the oldest first
        self._sources: dict[Source, dict[Connection, None]] = {}
        self._known: dict[Connection, None] = {}  # those that wait for room only

    def __len__(self) -> int:
        """Return how many clients have a place."""
        return len(self._places)

    def hold(self, step: Step, seconds: float) -> None:
        """Give a client a place, and call its step whenever bytes come, until it is released or closed.

        Raises:
            OSError, MemoryError: it got no place, and is still open.
        """
        connection = step.connection
        ip = connection.remote_ip
        source = network(ip, bits6=NET6_BITS) if b":" in ip else ip
        self._make_room(source)
        place = _Place(step, source, seconds, self._close)
        try:
            self._places[connection] = place
            self._sources.setdefault(source, {})[connection] = None
            place.alarm = self._background.at(time.monotonic() + seconds, place.ring)
            if step.is_watched:
                self._watch(place)
            if self.changed is not None:
                self.changed()
        except (OSError, MemoryError):
            self.release(connection)
            raise

    def _watch(self, place: _Place) -> None:
        """Have the step go on when something comes; give the descriptor away if there are many."""
        connection = place.step.connection
        if len(self._places) - len(self._away) > OURS_MOST:
            place.number = self._holder.keep(connection.descriptor)
            if place.number:
                self._away[place.number] = place
                connection.close()
                return
        self._background.watch(connection.descriptor, READABLE, place.step.go_on)

    def _take_back(self, number: int, descriptor: int) -> None:
        """Let a step go on: something has come on a descriptor that the helper had."""
        place = self._away.pop(number)
        connection, place.number = place.step.connection, 0
        connection.descriptor = descriptor
        place.step.go_on()
        if self._places.get(connection) is place and connection not in self._known:
            try:
                self._watch(place)
            except (OSError, MemoryError) as error:
                reason = error.errno if isinstance(error, OSError) else errno.ENOMEM
                self._close(connection, b"unable to wait for it: " + describe(reason))

    def _lose(self, number: int) -> None:
        """Drop a client whose descriptor the helper has lost."""
        place = self._away.pop(number)
        place.number = 0
        self._close(
            place.step.connection, b"the process that waited for it has died, or has no descriptor left"
        )

    def _make_room(self, source: "Source") -> None:
        held = self._sources.get(source, {})
        if len(held) >= max(1, self._most // 2):
            self._close_first(held, FULL_OF_SOURCE % len(held))
        elif len(self._places) >= self._most:
            self.close_oldest(FULL % len(self._places))

    def close_oldest(self, reason: bytes) -> bool:
        """Close the client that has been waited for longest; return False if there is none."""
        return self._close_first(self._places, reason)

    def free_descriptor(self, reason: bytes) -> bool:
        """Do the same with a client whose descriptor is open here."""
        return self._close_first([client for client in self._places if client.descriptor >= 0], reason)

    def _close_first(self, connections: "Iterable[Connection]", reason: bytes) -> bool:
        for connection in connections:
            if connection not in self._known:
                came = self._places[connection].step.what_came()
                self._close(connection, b"%s, and %s" % (came, reason))
                return True
        return False

    def _close(self, connection: "Connection", reason: bytes) -> None:
        self.release(connection)
        try:
            self._drop(connection, reason)
        except MemoryError:
            memoryreserve.give_up()
            connection.close()  # nobody else knows of it any more
            raise

    def wait_for_room(self, connection: "Connection") -> None:
        """Have a client that has a place wait for nothing but room among the children."""
        place = self._places[connection]
        self._known[connection] = None
        self._stop_waiting(place)

    def has_known(self) -> bool:
        """Return whether a client waits for room."""
        return bool(self._known)

    def next_known(self) -> "Connection | None":
        """Release the client that has waited for room longest and return it, or None."""
        for connection in self._known:
            self.release(connection)
            return connection
        return None

    def release(self, connection: "Connection") -> None:
        """Take a client's place away; if it has none, do nothing.

        It stays open, unless the helper has it: then nothing has come that could be of use.
        """
        place = self._places.pop(connection, None)
        if place is None:
            return
        self._known.pop(connection, None)
        self._stop_waiting(place)
        held = self._sources.get(place.source, {})
        held.pop(connection, None)
        if not held:
            self._sources.pop(place.source, None)

    def _stop_waiting(self, place: _Place) -> None:
        if place.alarm is not None:
            place.alarm.cancel()
        if place.number:
            self._holder.close_kept(place.number)
            del self._away[place.number]
            place.number = 0
        self._background.forget(place.step.connection.descriptor)

    def give_up(self) -> "list[Connection]":
        """Release all clients, and return them."""
        given_up = list(self._places)
        for connection in given_up:
            self.release(connection)
        return given_up


def _prepare() -> "Callable[[], None]":
    """Return what the helper does first."""
    server = os.getpid()

    def prepare() -> None:
        oom.take_back()  # the kernel may kill the helper, which costs those that wait and no other
        if native.lib is not None:
            native.lib.usys_help(HELPER, server)

    return prepare
