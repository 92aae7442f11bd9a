"""Handlers that a stem forks: giving it connections, and learning which process serves each.

A stem has imported the handler's module once (`ucspi.unix.stem`).  It forks children
of ours, so they are reaped as any others.  But their pids are not known when a
connection is given to it: they are in its cells, at which we look when a child has
ended that nobody knows, before a signal is sent to all, and once in each turn.

Whatever a stem cannot do is done without it, as if there were none.  When it has
ended, what it did not take is still in its queue, and is served without it too.
"""

import errno
import os
import time
from _signal import SIGKILL

from ucspi.tcp.connection import Connection
from ucspi.tcp.server.handlers import Handlers
from ucspi.tcp.server.stemkeeper import StemKeeper
from ucspi.unix.stem import STUCK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ucspi.tcp.report.protocol import Report
    from ucspi.tcp.server.handlers import Ended
    from ucspi.unix.stem import Leftover, Stem
    from ucspi.unix.stemspawn import StemSpawner

LOOK = 0.05  # seconds between two looks, where somebody waits for pids
ERRNO_MAX = 4095
PATIENCE = 100  # milliseconds to wait for the pids of handlers that shall get a signal


class WarmHandlers(Handlers):
    """The running handlers of a server, most of them forked by a stem."""

    __slots__ = ("_failed", "_keeper", "_news", "_owed", "_spawner", "_warn")

    def __init__(self, spawner: "StemSpawner", report: "Report", verbosity: int) -> None:
        """Start nothing yet; see `StemKeeper`."""
        super().__init__(spawner)
        self._spawner, self._warn = spawner, report.warn
        self._keeper = StemKeeper(spawner, report.warn, verbosity)
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
        if (
            stem is not None
            and self._spawner.is_as_read(variables)
            and stem.serve(connection.descriptor, connection, variables, log)
        ):
            connection.release()
            return 0
        return super().start(connection, variables, log)

    def turn(self, *, is_called: bool) -> None:
        """Do what there is to do by now: hear stems if the descriptor is readable, learn pids, take back."""
        self._keeper.turn(is_called=is_called)
        self._learn()
        now = time.monotonic()
        for stem in self._keeper.stems.values():
            if stem.is_stuck(now):
                self._keeper.kill(stem)
        while self._keeper.dead:
            self._take_back(self._keeper.dead[0])
            self._keeper.dead.pop(0).close()

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
        return super().reap(all_of_them=all_of_them)

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
        return super().lost()

    def signal(self, number: int) -> None:
        """See `Handlers.signal`; those whose pids are not known yet get it a little later."""
        self._learn()
        super().signal(number)
        for stem in self._keeper.stems.values():
            for what in stem.waiting.values():
                assert isinstance(what, Connection), "nothing else was given"
                self._owed[what] = number
        for _ in range(PATIENCE):
            if not self._owed:
                return
            time.sleep(0.001)
            self._learn()

    def finish(self) -> None:
        """Let the stems end; a handler that one of them still has to fork is forked."""
        self._keeper.finish()

    def _of_unknown(self, pid: int, status: int) -> Connection | None:
        if self._keeper.ended(pid, status):
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
            for what, number in stem.forked(reaped, all_of_them=all_of_them):
                assert isinstance(what, Connection), "nothing else was given"
                if number > 0:
                    self._note(what, number)
                else:
                    self._drop(what, min(-number, ERRNO_MAX))
        except ValueError:
            self._keeper.kill(stem)

    def _note(self, connection: Connection, pid: int) -> None:
        self._connections[pid] = connection
        if connection.notes is not None:
            connection.notes.pid = pid
        if self._news is not None:
            self._news()
        owed = self._owed.pop(connection, 0)
        if owed:
            try:
                os.kill(pid, owed)
            except OSError:
                pass  # as in `signal`; or it is reaped by now

    def _drop(self, connection: Connection, number: int) -> None:
        self._owed.pop(connection, None)
        assert self._failed is not None, "the server has called `tell`"
        self._failed(connection, OSError(number, os.strerror(number)))

    def _take_back(self, stem: "Stem") -> None:
        """Serve without it what a stem that has ended was given and has not forked for."""
        self._learn_of(stem, all_of_them=True)
        for leftover in stem.leftovers():
            self._serve(stem, leftover)
        for what in list(stem.waiting.values()):  # it has taken them out, and forked for none
            assert isinstance(what, Connection), "nothing else was given"
            self._drop(what, errno.EPIPE)
        stem.waiting.clear()

    def _serve(self, stem: "Stem", leftover: "Leftover") -> None:
        connection = stem.waiting.pop(leftover.slot)
        assert isinstance(connection, Connection), "nothing else was given"
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
