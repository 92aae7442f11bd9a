"""Kept processes: each serves one connection after another, with a channel of its own.

A stem forks them as it forks any handler.  The server gives a connection to one that
is idle, or has another one made.  Both ends of a channel stay open here.  So a
connection that a process has not taken when it ends is still there, and is served by
another; and that it has ended, its parent, which is the server, is told anyway.
"""

import os
import select
from _signal import SIGKILL
from resource import RLIMIT_NOFILE, getrlimit

from ucspi.tcp.connection import Connection
from ucspi.unix import native
from ucspi.unix.stem import Leftover, channels, leftovers
from ucspi.unix.stemchannel import pack_serve, unpack_answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.unix.stem import Stem

SHARE = 4  # a channel takes two descriptors; so kept processes get half of them
UNLIMITED = 1 << 20


class Kept:
    """One kept process.

    Attributes:
        channel: our end of its channel.
        theirs: the other end.
        stem: what forked it.
        pid: 0 while it is not known.
        connection: what it serves; None: it is idle.
        number: of its connections up to now.
    """

    __slots__ = ("channel", "connection", "number", "pid", "stem", "theirs")

    def __init__(self, stem: "Stem") -> None:
        """Make its channel.

        Raises:
            OSError: no descriptor is left.
        """
        self.channel, self.theirs = channels()
        self.stem, self.pid, self.number = stem, 0, 0
        self.connection: Connection | None = None

    def serve(self, connection: Connection, variables: bytes, log: bytes) -> bool:
        """Give it a connection; return whether that was done, and the descriptor is closed."""
        self.number += 1
        packet = pack_serve(self.number, variables, log)
        self.connection, is_given = connection, False
        try:
            is_given = not native.lib.usys_hand_over(
                self.channel.fileno(), connection.descriptor, packet, len(packet)
            )
        finally:
            if not is_given:
                self.connection = None
        return is_given

    def kill(self) -> None:
        """Kill it; it must not be reaped yet."""
        try:
            if self.pid:
                os.kill(self.pid, SIGKILL)
        except OSError:
            pass  # it runs as another user, and we are not root

    def untaken(self) -> Leftover | None:
        """Return the connection of a process that has ended, if it had not taken that."""
        found = None
        for leftover in leftovers(self.theirs):
            if leftover.slot == self.number and found is None:
                found = leftover
            else:
                os.close(leftover.descriptor)
        return found

    def answer(self) -> int | None:
        """Return the exit code of its function if that has returned, None if not.

        Raises:
            ValueError: it says something else.
        """
        try:
            packet = self.channel.recv(64)
        except OSError:
            return None
        number, code = unpack_answer(packet)
        if self.connection is None or number != self.number or not 0 <= code <= 255:
            raise ValueError("not an answer")
        return code

    def leave(self) -> None:
        """Give it nothing more, so that it ends when it is idle; a second call does nothing."""
        self.channel.close()
        self.theirs.close()


class KeptPool:
    """All kept processes of a server.

    Attributes:
        by_channel: those that get connections, by the descriptor of the channel.
        by_pid: those that have not ended and whose pids are known.
        idle: those that have nothing to do; the last is the last that has served.
    """

    __slots__ = ("_epoll", "_most", "by_channel", "by_pid", "idle")

    def __init__(self, epoll: "select.epoll") -> None:
        """Begin without any; their channels are watched by an epoll."""
        self._epoll = epoll
        self.by_channel: dict[int, Kept] = {}
        self.by_pid: dict[int, Kept] = {}
        self.idle: list[Kept] = []
        soft = getrlimit(RLIMIT_NOFILE)[0]
        self._most = max(1, soft // SHARE) if soft >= 0 else UNLIMITED

    def take(self, stem: "Stem") -> Kept | None:
        """Return one that has nothing to do, which a stem makes if need be; None if there can be no more."""
        if self.idle:
            return self.idle.pop()
        if len(self.by_channel) >= self._most:
            return None
        try:
            kept = Kept(stem)
        except OSError:
            return None
        try:
            if self._make(kept):
                self.by_channel[kept.channel.fileno()] = kept
                return kept
        except OSError:
            pass
        kept.leave()
        return None

    def _make(self, kept: Kept) -> bool:
        self._epoll.register(kept.channel.fileno(), select.EPOLLIN)
        theirs = os.dup(kept.theirs.fileno())
        is_given = False
        try:
            is_given = kept.stem.keep(theirs, kept)
        finally:
            if not is_given:
                os.close(theirs)
        return is_given

    def learn(self, kept: Kept, number: int) -> None:
        """Take the pid of one, or a negative errno where it could not be made."""
        if number > 0:
            kept.pid = number
            self.by_pid[number] = kept
        else:
            self.let_go(kept)

    def put_back(self, kept: Kept) -> None:
        """Take one that has nothing to do any more."""
        kept.connection = None
        self.idle.append(kept)

    def let_go(self, kept: Kept) -> None:
        """Give one nothing more, so that it ends; a second call does nothing."""
        if self.by_channel.pop(kept.channel.fileno(), None) is not None:
            self._epoll.unregister(kept.channel.fileno())
        if kept in self.idle:
            self.idle.remove(kept)
        kept.leave()

    def let_idle_go(self) -> None:
        """Let all go that have nothing to do."""
        while self.idle:
            self.let_go(self.idle[-1])


def client_of(what: object) -> Connection | None:
    """Return the client of what a stem was given, if it has one."""
    if isinstance(what, Kept):
        return what.connection
    assert isinstance(what, Connection), "nothing else is given"
    return what
