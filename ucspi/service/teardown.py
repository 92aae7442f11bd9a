"""The end of all services of a directory: first they, then their loggers, then we.

A service gets what ``svc -dx`` sends: TERM and CONT, and its supervisor leaves
after it.  Its logger is continued, should it be paused.  When service and
supervisor have ended nobody can write to the pipe any more but us: so the
logger's supervisor is told to leave after its logger, and then our end is
closed.  The logger reads what there is and ends.

What runs after its time is killed: services at first, and loggers, which may
have to write down what those have said, `FINISH` seconds later.  What cannot be
found out, published or killed, on a disk that hangs, is waited for no longer.
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

FINISH: "Final" = 1.0  # seconds more for loggers
UNKNOWN: "Final" = 1.0  # seconds for finding out who supervises, where that cannot be told at once
LAST: "Final" = 0.5  # seconds for what was killed
APART: "Final" = 1.0  # seconds between two signals that were not sent as one


class Teardown:
    """Ends all supervisors of a list, and stops the loop when the last has ended."""

    __slots__ = (
        "_begun",
        "_loop",
        "_phase",
        "_seconds",
        "_supervisors",
        "_threads",
        "_waiting",
        "_with_loggers",
    )

    def __init__(
        self, loop: "EventLoop", supervisors: "SupervisorList", threads: "DiskThreads", seconds: float
    ) -> None:
        """Do nothing yet.

        Args:
            loop: has the time, and is stopped at the end.
            supervisors: who is to end.
            threads: looks where it may hang.
            seconds: after which services are killed.
        """
        self._loop, self._supervisors, self._threads, self._seconds = loop, supervisors, threads, seconds
        self._with_loggers = True
        self._begun, self._phase = 0.0, 0
        self._waiting: list[set[SupervisorEntry]] = [set(), set()]  # for their end, by role

    def order(self, *, with_loggers: bool = True) -> None:
        """End all, for the first time; another order, a second later or more, is for what still runs.

        Args:
            with_loggers: wait for them.
        """
        now = monotonic()
        self._with_loggers = self._with_loggers and with_loggers
        if not self._begun:
            self._begun = now
            self._begin()
        elif now - self._begun >= APART:
            self._hurry(0.0)
        self._look()

    def _begin(self) -> None:
        supervisors = self._supervisors
        supervisors.close(self._run, self._end)
        there, lost = list(supervisors.entries.values()), list(supervisors.lost.values())
        for entry in [*there, *lost]:
            self._waiting[entry.role].add(entry)
        for entry in lost:
            self._seek(entry)
        for entry in there:
            if entry.handle:
                self._run(entry)
            else:
                self._forget_later(entry)
        self._hurry(self._seconds)
        self._loop.after(UNKNOWN, self._pass_over)

    def _pass_over(self) -> None:
        """Wait no longer for those that have left, but for a disk."""
        for entries in self._waiting:
            for entry in [entry for entry in entries if entry.handle and entry.handle.has_left()]:
                self._over(entry)
        self._loop.after(UNKNOWN, self._pass_over)

    def _run(self, entry: "SupervisorEntry") -> None:
        """It can be told."""
        self._waiting[entry.role].add(entry)
        if not entry.handle:
            return
        if entry.role == MAIN:
            entry.handle.tell(b"dx", _nothing)
        elif self._is_written(entry.pipe):
            entry.handle.tell(b"c", _nothing)  # or its service may wait for it
        else:
            entry.handle.tell(b"c", _nothing)
            self._release(entry)

    def _is_written(self, pipe: "LoggerPipe | None") -> bool:
        """Say whether the service whose logger has this pipe still runs, or may."""
        return any(entry.pipe is pipe for entry in self._waiting[MAIN])

    def _release(self, logger: "SupervisorEntry") -> None:
        """Its service has ended: let it end when it has read all."""
        pipe = logger.pipe
        if logger.handle and pipe:
            logger.handle.tell(b"x", pipe.end)
        elif pipe:
            pipe.end()

    def _end(self, token: int) -> None:
        """One has ended, or could not begin: another's may hold its lock."""
        entry = self._supervisors.entries[token]
        if entry.was_alone:
            self._over(entry)
        else:
            self._seek(entry)

    def _seek(self, entry: "SupervisorEntry") -> None:
        where = entry.path
        self._threads.call(lambda: find(where), lambda found: self._found(entry, found))
        self._forget_later(entry)

    def _forget_later(self, entry: "SupervisorEntry") -> None:
        """Wait for long for nobody of whom is not known whether he runs."""
        self._loop.after(UNKNOWN, lambda: None if entry.handle else self._over(entry))

    def _found(self, entry: "SupervisorEntry", found: tuple[int, int] | None) -> None:
        """Nobody supervises there, or somebody else does."""
        if found is None:
            self._over(entry)
            return
        entry.handle = ForeignHandle(self._loop, found, entry.path, lambda: self._over(entry))
        self._run(entry)

    def _over(self, entry: "SupervisorEntry") -> None:
        if entry not in self._waiting[entry.role]:
            return
        entry.handle = None
        self._waiting[entry.role].discard(entry)
        if entry.role == MAIN and entry.pipe and not self._is_written(entry.pipe):
            loggers = [logger for logger in self._waiting[LOG] if logger.pipe is entry.pipe]
            for logger in loggers:
                self._release(logger)
            if not loggers:
                entry.pipe.end()
        self._look()

    def _hurry(self, seconds: float) -> None:
        """Kill what runs in so many seconds, and not earlier or later as was said before."""
        self._phase += 1
        phase = self._phase

        def unless_changed(call: "Callable[[], object]") -> "Callable[[], object]":
            return lambda: call() if phase == self._phase else None

        self._loop.after(seconds, unless_changed(lambda: self._kill(MAIN)))
        self._loop.after(seconds + FINISH, unless_changed(lambda: self._kill(LOG)))
        self._loop.after(seconds + FINISH + LAST, unless_changed(self._give_up))

    def _kill(self, role: int) -> None:
        for entry in list(self._waiting[role]):
            name = entry.path
            if entry.handle and entry.handle.kill():
                say_soon(b"svscan: warning: %s has not ended: killed" % name)
            else:
                say_soon(b"svscan: warning: %s has not ended, and cannot be killed" % name)

    def _give_up(self) -> None:
        self._loop.stop()

    def _look(self) -> None:
        """Stop when nobody is waited for."""
        if not self._waiting[MAIN] and not (self._with_loggers and self._waiting[LOG]):
            self._loop.stop()


def _nothing() -> None:
    pass
