"""Handlers that a stem forks: giving it connections, and learning which process serves each.

A stem has imported the handler's module once (`ucspi.unix.stem`).  It forks children
of ours, so they are reaped as any others.  But their pids are not known when a
connection is given to it: they are in its cells, at which we look when a child has
ended that nobody knows, before a signal is sent to all, and once in each turn.

With ``--keep`` a process that it has forked serves one connection after another
(`keptpool`); an answer of the process ends a connection, or the end of the process does.

Whatever a stem cannot do is done without it, as if there were none.  When it has
ended, what it did not take is still in its queue, and is served without it too.
"""

import errno
import os
import time
from _signal import SIGKILL

from ucspi.tcp.connection import Connection
from ucspi.tcp.server.handlers import Handlers
from ucspi.tcp.server.keptpool import Kept, KeptPool, client_of
from ucspi.tcp.server.stemkeeper import StemKeeper
from ucspi.unix.stem import STUCK, is_child
from ucspi.unix.stemchannel import PACKET_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ucspi.tcp.report.protocol import Report
    from ucspi.tcp.server.handlers import Ended
    from ucspi.unix.stem import Leftover, Stem
    from ucspi.unix.stemspawn import StemSpawner

HEAD_MAX = 64  # bytes in front of the texts of a packet, at most
LOOK = 0.05  # seconds between two looks, where somebody waits for pids
ERRNO_MAX = 4095
PATIENCE = 100  # milliseconds to wait for the pids of handlers that shall get a signal


class WarmHandlers(Handlers):
    """The running handlers of a server, most of them forked by a stem."""

    __slots__ = ("_failed", "_keeper", "_limit", "_news", "_owed", "_pool", "_spawner")

    def __init__(self, spawner: "StemSpawner", report: "Report", verbosity: int, limit: int) -> None:
        """Start nothing yet; see `StemKeeper`.  There are ``limit`` processes at most, idle ones included."""
        super().__init__(spawner)
        self._spawner, self._limit = spawner, limit
        self._keeper = StemKeeper(spawner, report.warn, verbosity)
        self._pool = KeptPool(self._keeper.epoll)
        self._failed: Callable[[Connection, OSError], object] | None = None
        self._news: Callable[[], object] | None = None
        self._owed: dict[Connection, int] = {}  # signals for handlers whose pids were not known

    def tell(
        self, failed: "Callable[[Connection, OSError], object]", news: "Callable[[], object] | None"
    ) -> None:
        """Take what to call when no process could be made for a client, and when a pid is known."""
        self._failed, self._news = failed, news

    def begin(self) -> bytes:
        """Start the first stem and wait until it is ready; see `StemKeeper.begin`."""
        return self._keeper.begin()

    def fileno(self) -> int:
        """Return a descriptor that becomes readable when `turn` has something to do."""
        return self._keeper.fileno()

    def start(self, connection: Connection, variables: bytes, log: bytes) -> int:
        """See `Handlers.start`; return 0 where the pid is not known yet."""
        stem = self._keeper.current
        # A stem takes one descriptor for both ways.
        if stem is not None and connection.output < 0 and self._spawner.is_as_read(variables):
            if self._count() > 1 and len(variables) + len(log) + HEAD_MAX <= PACKET_MAX:
                kept = self._keep(stem, connection, variables, log)
                if kept is not None:
                    return kept.pid
            self._make_room()
            if stem.serve(connection.descriptor, connection, variables, log):
                connection.release()
                return 0
        self._make_room()
        return super().start(connection, variables, log)

    def _count(self) -> int:
        """Return how many connections a process serves, whatever it says itself."""
        return 1 if self._spawner.ending is None else self._spawner.ending.keep

    def _keep(self, stem: "Stem", connection: Connection, variables: bytes, log: bytes) -> Kept | None:
        """Give a connection to a kept process; return that, or None if there is none for it."""
        while (kept := self._pool.take(stem)) is not None:
            if kept.stem is stem and kept.serve(connection, variables, log):
                connection.release()
                if kept.pid:
                    self._connections[kept.pid] = connection
                    connection.pid = kept.pid
                return kept
            self._pool.let_go(kept)  # it ends, and does not take any more
            if not kept.pid:
                return None
        return None

    def _make_room(self) -> None:
        """Let an idle process go if one more would be too many."""
        if not self._pool.idle:
            return
        starting = sum(len(stem.waiting) for stem in self._keeper.stems.values())
        if starting + len(self._connections) + len(self._pool.idle) >= self._limit:
            self._pool.let_go(self._pool.idle[0])

    def turn(self, *, is_called: bool) -> "Iterable[Ended]":
        """Do what there is to do by now: hear stems if the descriptor is readable, learn pids, take back.

        Returns:
            The clients of kept processes that were answered for.
        """
        self._learn()
        ready = self._keeper.turn(is_called=is_called)
        now = time.monotonic()
        for stem in self._keeper.stems.values():
            if stem.is_stuck(now):
                self._keeper.kill(stem)
        while self._keeper.dead:
            self._take_back(self._keeper.dead[0])
            self._keeper.dead.pop(0).close()
        if self._pool.idle and self._pool.idle[-1].stem is not self._keeper.current:
            self._pool.let_idle_go()
        return self._answers(ready) if ready else ()

    def _answers(self, ready: "Iterable[int]") -> "Iterator[Ended]":
        """Yield the clients for which one of some pipes has an answer."""
        for number in ready:
            kept = self._pool.by_answers.get(number)
            code = None if kept is None else self._answer(kept)
            if kept is None or code is None or kept.connection is None:
                continue
            if not kept.pid:
                self._learn()
            connection = kept.connection
            self._connections.pop(kept.pid, None)
            is_wanted = kept.stem is self._keeper.current and not kept.is_doomed
            if is_wanted and kept.number < self._count():
                self._pool.put_back(kept)
            else:
                kept.connection = None
                self._pool.let_go(kept)
            yield kept.pid, code << 8, connection

    def _answer(self, kept: Kept) -> int | None:
        try:
            return kept.answer()
        except ValueError:
            kept.kill()
        except EOFError:
            self._pool.silence(kept)
        return None

    def deadline(self) -> float | None:
        """Return when `turn` has something to do, in monotonic seconds."""
        deadlines = [] if (start := self._keeper.deadline()) is None else [start]
        deadlines += [stem.since + STUCK for stem in self._keeper.stems.values() if stem.waiting]
        if (self._owed or self._news) and any(stem.waiting for stem in self._keeper.stems.values()):
            deadlines.append(time.monotonic() + LOOK)
        return min(deadlines, default=None)

    def reap(self, *, all_of_them: bool = False) -> "Iterator[Ended]":
        """See `Handlers.reap`."""
        self._learn()
        return self._ended(super().reap(all_of_them=all_of_them))

    def _ended(self, ended: "Iterator[Ended]") -> "Iterator[Ended]":
        """Yield what is yielded, but for kept processes see first what they said last, or did not take."""
        for pid, status, connection in ended:
            kept = self._pool.by_pid.pop(pid, None)
            if kept is not None:
                kept.pid = 0  # by now it may be another's
                code, untaken = self._answer(kept), kept.untaken()
                self._pool.let_go(kept)
                if code is not None:
                    status = code << 8
                elif untaken is not None:
                    self._serve(connection, untaken)
                    continue
            yield pid, status, connection

    def lost(self) -> "Iterator[Ended]":
        """See `Handlers.lost`."""
        for pid in list(self._keeper.stems):
            try:
                ended, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                ended, status = pid, SIGKILL
            if ended:
                self._keeper.ended(pid, status)
        for stem in (*self._keeper.stems.values(), *self._keeper.dead):
            self._learn_of(stem, reaped=-1)  # what is no child of ours is taken out again at once
        yield from self._ended(super().lost())
        for pid, kept in list(self._pool.by_pid.items()):
            if not is_child(pid):
                del self._pool.by_pid[pid]
                self._pool.let_go(kept)

    def signal(self, number: int) -> None:
        """See `Handlers.signal`; those whose pids are not known yet get it a little later."""
        self._learn()
        super().signal(number)
        for stem in self._keeper.stems.values():
            for what in stem.waiting.values():
                if (connection := client_of(what)) is not None:
                    self._owed[connection] = number
        for _ in range(PATIENCE):
            if not self._owed:
                return
            time.sleep(0.001)
            self._learn()

    def send(self, connection: Connection, number: int) -> bool:
        """See `Handlers.send`."""
        if number == SIGKILL:
            self._doom(connection)
        return super().send(connection, number)

    def open(self, connection: Connection) -> int:
        """See `Handlers.open`; whoever asks for that is going to kill it, at some time."""
        self._doom(connection)
        return super().open(connection)

    def _doom(self, connection: Connection) -> None:
        kept = self._pool.by_pid.get(connection.pid)
        if kept is not None and kept.connection is connection:
            kept.is_doomed = True

    def finish(self) -> None:
        """Let the stems end; a handler that one of them still has to fork is forked."""
        self._keeper.finish()

    def _of_unknown(self, pid: int, status: int) -> Connection | None:
        if self._keeper.ended(pid, status):
            return None
        if (kept := self._pool.by_pid.pop(pid, None)) is not None:  # it was idle
            self._pool.let_go(kept)
            return None
        for stem in (*self._keeper.stems.values(), *self._keeper.dead):
            self._learn_of(stem, reaped=pid)
        return self._connections.pop(pid, None)

    def _learn(self) -> None:
        for stem in self._keeper.stems.values():
            if stem.waiting:
                self._learn_of(stem)

    def _learn_of(self, stem: "Stem", *, reaped: int = 0, all_of_them: bool = False) -> None:
        """Note the pids that a stem's cells have by now; kill one that makes them up."""
        try:
            for what, number in stem.forked(self._is_free, reaped, all_of_them=all_of_them):
                if isinstance(what, Kept):
                    self._pool.learn(what, number)
                connection = client_of(what)
                if connection is not None and number > 0:
                    self._note(connection, number)
                elif connection is not None:
                    self._drop(connection, min(-number, ERRNO_MAX))
        except ValueError:
            self._keeper.kill(stem)

    def _is_free(self, pid: int) -> bool:
        return not (pid in self._connections or pid in self._keeper.stems or pid in self._pool.by_pid)

    def _note(self, connection: Connection, pid: int) -> None:
        self._connections[pid] = connection
        connection.pid = pid
        if connection.notes is not None:
            connection.notes.pid = pid
        if self._news is not None:
            self._news()
        owed = self._owed.pop(connection, 0)
        if owed and is_child(pid):  # else it is reaped by now, and the pid may be that of any process
            try:
                os.kill(pid, owed)
            except PermissionError:
                pass  # as in `signal`

    def _drop(self, connection: Connection, number: int) -> None:
        self._owed.pop(connection, None)
        assert self._failed is not None, "the server has called `tell`"
        self._failed(connection, OSError(number, os.strerror(number)))

    def _take_back(self, stem: "Stem") -> None:
        """Serve without it what a stem that has ended was given and has not forked for."""
        self._learn_of(stem, all_of_them=True)
        for leftover in stem.leftovers():
            what = stem.waiting.pop(leftover.slot)
            if isinstance(what, Connection):
                self._serve(what, leftover)
            else:
                os.close(leftover.descriptor)
                self._take_back_kept(what)
        for what in stem.waiting.values():  # it has taken them out, and forked for none
            if isinstance(what, Connection):
                self._drop(what, errno.EPIPE)
            else:
                self._take_back_kept(what)
        stem.waiting.clear()

    def _take_back_kept(self, what: object) -> None:
        """Serve what was sent to a process that was never forked."""
        assert isinstance(what, Kept), "nothing else was given"
        untaken, connection = what.untaken(), what.connection
        self._pool.let_go(what)
        if connection is not None and untaken is not None:
            self._serve(connection, untaken)
        elif connection is not None:
            self._drop(connection, errno.EPIPE)

    def _serve(self, connection: Connection, leftover: "Leftover") -> None:
        connection.descriptor = leftover.descriptor
        owed = self._owed.pop(connection, 0)
        try:
            pid = super().start(connection, leftover.variables, leftover.log)
        except OSError as error:
            self._drop(connection, error.errno or errno.EAGAIN)
            return
        self._note(connection, pid)
        if owed:
            os.kill(pid, owed)
