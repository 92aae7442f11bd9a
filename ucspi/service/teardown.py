"""Ending all services of a directory: first the services, then their loggers, then this process.

A service gets what ``svc -dx`` sends: SIGTERM and SIGCONT, and its supervisor
leaves after it.  Its logger is continued, in case it is paused.  When service and
supervisor have ended, only we can write to the pipe.  Then the logger's
supervisor is told to leave after its logger, and our end of the pipe is closed.
The logger reads what is left, and ends.  A logger that was not started yet is started for that.

A service that runs after its time is killed.  Loggers get `FINISH` seconds more,
for they may have to write down the last words of killed services.  What cannot
be found out, published or killed on a hanging disk is not waited for.
"""

from time import monotonic

from ucspi.service.processhandles import ForeignHandle, find
from ucspi.service.registry import LOG, MAIN
from ucspi.unix.output import say_soon

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from ucspi.service.diskthreads import DiskThreads
    from ucspi.service.eventloop import EventLoop
    from ucspi.service.loggerpipe import LoggerPipe
    from ucspi.service.supervisorlist import SupervisorEntry, SupervisorList

FINISH: "Final" = 1.0  # seconds that loggers get after services
UNKNOWN: "Final" = 1.0  # seconds for finding out whether a supervisor runs
LAST: "Final" = 0.5  # seconds that killed processes get to end
SAME_ORDER: "Final" = 1.0  # seconds within which a second signal is taken for the same order


class Teardown:
    """Ends all supervisors of a list, and stops the loop when the last one has ended."""

    __slots__ = (
        "_logged",
        "_loop",
        "_phase",
        "_running",
        "_seconds",
        "_since",
        "_start_logger",
        "_supervisors",
        "_threads",
        "_with_loggers",
    )

    def __init__(
        self,
        loop: "EventLoop",
        supervisors: "SupervisorList",
        threads: "DiskThreads",
        seconds: float,
        start_logger: "Callable[[bytes, LoggerPipe], int | None]",
    ) -> None:
        """Do nothing yet.

        Args:
            loop: calls us when it is time, and is stopped at the end.
            supervisors: those that are to end.
            threads: for looking into directories, whose disk may hang.
            seconds: services that still run after this time are killed.
            start_logger: starts the logger of a service, and returns its token.
        """
        self._loop, self._supervisors, self._threads, self._seconds = loop, supervisors, threads, seconds
        self._start_logger = start_logger
        self._logged: set[LoggerPipe | None] = set()  # pipes whose loggers were started, or should have been
        self._with_loggers = True
        self._since, self._phase = 0.0, 0
        self._running: list[set[SupervisorEntry]] = [set(), set()]  # those that we wait for, by role

    def order(self, *, with_loggers: bool = True) -> None:
        """End everything; another order, at least a second later, kills what still runs.

        Args:
            with_loggers: wait for loggers, too.
        """
        now = monotonic()
        self._with_loggers = self._with_loggers and with_loggers
        if not self._since:
            self._since = now
            self._begin()
        elif now - self._since >= SAME_ORDER:
            self._set_deadlines(0.0)
        self._stop_if_done()

    def _begin(self) -> None:
        supervisors = self._supervisors
        supervisors.close(self._tell_to_end, self._note_end)
        there, lost = list(supervisors.entries.values()), list(supervisors.lost.values())
        for entry in [*there, *lost]:
            self._running[entry.role].add(entry)
            if entry.role == LOG:
                self._logged.add(entry.pipe)
        for entry in lost:
            self._search(entry)
        for entry in there:
            if entry.handle:
                self._tell_to_end(entry)
            else:
                self._drop_later(entry)
        self._set_deadlines(self._seconds)
        self._loop.after(UNKNOWN, lambda: self._drop_left(set()))

    def _drop_left(self, before: "set[SupervisorEntry]") -> None:
        """Stop waiting for supervisors that are done but for a slow disk, and were so a second before."""
        both = [*self._running[MAIN], *self._running[LOG]]
        left = {entry for entry in both if entry.handle and entry.handle.has_left()}
        for entry in left & before:
            self._drop(entry)
        self._loop.after(UNKNOWN, lambda: self._drop_left(left))

    def _tell_to_end(self, entry: "SupervisorEntry") -> None:
        """Tell a supervisor that runs to end its process, and to leave."""
        self._running[entry.role].add(entry)
        if not entry.handle:
            return
        if entry.role == MAIN:
            self._demand_logger(entry)
            entry.handle.tell(b"dx", _nothing)
        elif self._has_writer(entry.pipe):
            entry.handle.tell(b"c", _nothing)  # its service may wait for it to read
        else:
            entry.handle.tell(b"c", _nothing)
            self._end_input(entry)

    def _demand_logger(self, entry: "SupervisorEntry") -> None:
        """Start the logger of a service that runs if the last scan had no time for that."""
        pipe = entry.pipe
        if pipe is None or pipe in self._logged:
            return
        self._logged.add(pipe)
        token = self._start_logger(entry.name, pipe)
        if token is not None:
            self._running[LOG].add(self._supervisors.entries[token])

    def _has_writer(self, pipe: "LoggerPipe | None") -> bool:
        """Return whether the service that writes to this pipe still runs, or may run."""
        return any(entry.pipe is pipe for entry in self._running[MAIN])

    def _end_input(self, logger: "SupervisorEntry") -> None:
        """Let a logger end when it has read everything: its service has ended."""
        pipe = logger.pipe
        if logger.handle and pipe:
            logger.handle.tell(b"x", pipe.end)
        elif pipe:
            pipe.end()

    def _note_end(self, token: int) -> None:
        """Note that a supervisor has ended or could not begin; one that we did not start may run there."""
        entry = self._supervisors.entries[token]
        if entry.was_alone:
            self._drop(entry)
        else:
            self._search(entry)

    def _search(self, entry: "SupervisorEntry") -> None:
        where = entry.path
        self._threads.call(lambda: find(where), lambda found: self._note_found(entry, found))
        self._drop_later(entry)

    def _drop_later(self, entry: "SupervisorEntry") -> None:
        """Stop waiting after `UNKNOWN` seconds if it is not known by then whether the supervisor runs."""
        self._loop.after(UNKNOWN, lambda: None if entry.handle else self._drop(entry))

    def _note_found(self, entry: "SupervisorEntry", found: tuple[int, int] | None) -> None:
        """Tell the supervisor that was found in a directory to end; None: none runs there."""
        if found is None:
            self._drop(entry)
            return
        entry.handle = ForeignHandle(self._loop, found, entry.path, lambda: self._drop(entry))
        self._tell_to_end(entry)

    def _drop(self, entry: "SupervisorEntry") -> None:
        """Wait for a supervisor no longer; if it was the last writer of a pipe, end the logger's input."""
        if entry not in self._running[entry.role]:
            return
        entry.handle = None
        self._running[entry.role].discard(entry)
        if entry.role == MAIN and entry.pipe and not self._has_writer(entry.pipe):
            loggers = [logger for logger in self._running[LOG] if logger.pipe is entry.pipe]
            for logger in loggers:
                self._end_input(logger)
            if not loggers:
                entry.pipe.end()
        self._stop_if_done()

    def _set_deadlines(self, seconds: float) -> None:
        """Kill what still runs in so many seconds; earlier deadlines no longer count."""
        self._phase += 1
        phase = self._phase

        def unless_changed(call: "Callable[[], object]") -> "Callable[[], object]":
            return lambda: call() if phase == self._phase else None

        self._loop.after(seconds, unless_changed(lambda: self._kill(MAIN)))
        self._loop.after(seconds + FINISH, unless_changed(lambda: self._kill(LOG)))
        self._loop.after(seconds + FINISH + LAST, unless_changed(self._give_up))

    def _kill(self, role: int) -> None:
        for entry in list(self._running[role]):
            name = entry.path
            if entry.handle and entry.handle.kill():
                say_soon(b"svscan: warning: %s has not ended: killed" % name)
            else:
                say_soon(b"svscan: warning: %s has not ended, and cannot be killed" % name)

    def _give_up(self) -> None:
        self._loop.stop()

    def _stop_if_done(self) -> None:
        """Stop the loop if nothing is waited for."""
        if not self._running[MAIN] and not (self._with_loggers and self._running[LOG]):
            self._loop.stop()


def _nothing() -> None:
    pass
