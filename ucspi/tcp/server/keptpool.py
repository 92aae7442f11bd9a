"""Kept processes: each serves one connection after another, with a channel of its own.

A stem forks them as it forks any handler.  The server gives a connection to one that
is idle, or has another one made.  Both ends of a channel stay open here.  So a
connection that a process has not taken when it ends is still there, and is served by
another; and that it has ended, its parent, which is the server, is told anyway.

It answers by a pipe.  Over a socket, one that a client has taken over could send a
descriptor, and to close that may take as long as its sender likes.
"""

import _socket
import os
import select
from _signal import SIGKILL
from resource import RLIMIT_NOFILE, getrlimit

from ucspi.tcp.connection import Connection
from ucspi.unix import native
from ucspi.unix.fds import close
from ucspi.unix.stem import Leftover, channels, leftovers
from ucspi.unix.stemchannel import ANSWER_SIZE, pack_keep, pack_serve, unpack_answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.unix.stem import Stem

SHARE = 6  # a kept process takes three descriptors; so all get half of them
UNLIMITED = 1 << 20


class Kept:
    """One kept process.

    Attributes:
        answers: our end of the pipe for its answers.
        channel: our end of its channel.
        theirs: the other end.
        stem: what forked it.
        pid: 0 while it is not known.
        connection: what it serves; None: it is idle.
        number: of its connections up to now.
        is_doomed: it is about to be killed, and gets no further connection even if it answers before.
    """

    __slots__ = ("answers", "channel", "connection", "is_doomed", "number", "pid", "stem", "theirs")

    def __init__(self, stem: "Stem") -> None:
        """Make its channel, and put the pipe for its answers into that.

        Raises:
            OSError: no descriptor is left.
        """
        self.channel, self.theirs = channels()
        self.answers = -1
        try:
            self.answers = self._make_pipe()
            self.channel.shutdown(_socket.SHUT_RD)  # from now on nobody can send us anything
        except OSError:
            self.leave()
            raise
        self.stem, self.pid, self.number = stem, 0, 0
        self.connection: Connection | None = None
        self.is_doomed = False

    def _make_pipe(self) -> int:
        ours, theirs = os.pipe()
        packet = pack_keep(0)
        error = native.lib.usys_hand_over(self.channel.fileno(), theirs, packet, len(packet))
        if error:
            close(ours)
            close(theirs)
            raise OSError(error, os.strerror(error))
        os.set_blocking(ours, False)
        return ours

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
            if leftover.slot == self.number > 0 and found is None:  # 0 is the pipe
                found = leftover
            else:
                os.close(leftover.descriptor)
        return found

    def answer(self) -> int | None:
        """Return the exit code of its function if that has returned, None if not.

        Raises:
            ValueError: it says something else.
            EOFError: it cannot say anything any more.
        """
        try:
            packet = os.read(self.answers, ANSWER_SIZE)
        except OSError:
            return None
        if not packet:
            raise EOFError
        number, code = unpack_answer(packet)
        if self.connection is None or number != self.number or not 0 <= code <= 255:
            raise ValueError("not an answer")
        return code

    def leave(self) -> None:
        """Give it nothing more, so that it ends when it is idle; a second call does nothing."""
        self.channel.close()
        self.theirs.close()
        if self.answers >= 0:
            close(self.answers)
            self.answers = -1


class KeptPool:
    """All kept processes of a server.

    Attributes:
        by_answers: those that get connections, by the descriptor of the pipe.
        by_pid: those that have not ended and whose pids are known.
        idle: those that have nothing to do; the last is the last that has served.
    """

    __slots__ = ("_epoll", "_most", "by_answers", "by_pid", "idle")

    def __init__(self, epoll: "select.epoll") -> None:
        """Begin without any; their pipes are watched by an epoll."""
        self._epoll = epoll
        self.by_answers: dict[int, Kept] = {}
        self.by_pid: dict[int, Kept] = {}
        self.idle: list[Kept] = []
        soft = getrlimit(RLIMIT_NOFILE)[0]
        self._most = max(1, soft // SHARE) if soft >= 0 else UNLIMITED

    def take(self, stem: "Stem") -> Kept | None:
        """Return one that has nothing to do, which a stem makes if need be; None if there can be no more."""
        if self.idle:
            return self.idle.pop()
        if len(self.by_answers) >= self._most:
            return None
        try:
            kept = Kept(stem)
        except OSError:
            return None
        try:
            if self._make(kept):
                self.by_answers[kept.answers] = kept
                return kept
        except OSError:
            pass
        self.silence(kept)
        kept.leave()
        return None

    def _make(self, kept: Kept) -> bool:
        self._epoll.register(kept.answers, select.EPOLLIN)
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

    def silence(self, kept: Kept) -> None:
        """Listen to one no more; a second call does nothing."""
        try:
            self._epoll.unregister(kept.answers)
        except (OSError, ValueError):
            pass  # that was the second

    def let_go(self, kept: Kept) -> None:
        """Give one nothing more, so that it ends; a second call does nothing."""
        if self.by_answers.pop(kept.answers, None) is not None:
            self.silence(kept)
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
