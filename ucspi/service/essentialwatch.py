"""Seeing that an essential service is over, in an event loop: then the whole tree has to end.

A service is looked at before its supervisor is started, when SIGIO tells of a change in its
``supervise``, and with each scan.  A new supervisor may have to make ``supervise`` first.
Until that can be watched, the pauses between looks grow to that of the scans.
"""

from _signal import SIGIO

from ucspi.service.diskthreads import DiskThreads
from ucspi.service.essentialservice import EssentialService
from ucspi.service.registry import MAIN
from ucspi.service.scanner import INTERVAL
from ucspi.service.statusrecord import BY_SIGNAL, UNKNOWN
from ucspi.unix.output import say_soon

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable
    from typing import Final

    from ucspi.service.eventloop import EventLoop
    from ucspi.service.loggerpipe import LoggerPipe
    from ucspi.service.scanner import Starter
    from ucspi.service.statusrecord import Status

SOON: "Final" = 0.05  # seconds until the second look at a service whose supervisor was started
SIGNALLED: "Final" = 128  # added to the signal that ended ``run``, as a shell does
NOT_KNOWN: "Final" = 111  # the exit code if it is not known how ``run`` ended


class _Watched:
    """An essential service, and what is going on about it.

    Attributes:
        service: itself.
        is_looking: a thread looks at it.
        looks_again: something has happened meanwhile.
        round: which series of looks after a start goes on.
        complaint: what was said last.
    """

    __slots__ = ("complaint", "is_looking", "looks_again", "round", "service")

    def __init__(self, name: bytes) -> None:
        self.service, self.complaint = EssentialService(name), b""
        self.is_looking = self.looks_again = False
        self.round = 0


class EssentialWatch:
    """Watches essential services, until the first of them is over."""

    __slots__ = ("_is_over", "_loop", "_over", "_threads", "_watched")

    def __init__(self, loop: "EventLoop", names: "Iterable[bytes]", over: "Callable[[int], object]") -> None:
        """Watch services that may not be there yet.

        Args:
            loop: calls us.
            names: of the services, in the current directory.
            over: called once, with the exit code that says how the service has ended.
        """
        self._loop, self._over, self._threads = loop, over, DiskThreads(loop)
        self._watched = {name: _Watched(name) for name in names}
        self._is_over = False
        loop.on_signal(SIGIO, self._look_at_all)  # before anything is watched: it ends a process otherwise
        self._turn()

    def stop(self) -> None:
        """Watch no more: everything is to end."""
        self._is_over = True

    def note_start(self, name: bytes) -> bool:
        """Look at a service whose supervisor is about to be started; return whether it should be.

        It is called in the thread that scans: what is there now must be seen before it changes.
        """
        watched = self._watched.get(name)
        if watched is None:
            return True
        watched.service.look()
        self._threads.call(_nothing, lambda _: self._begin_round(watched), name)
        return watched.service.final is None

    def _turn(self) -> None:
        self._loop.after(INTERVAL, self._turn)
        self._look_at_all()

    def _look_at_all(self) -> None:
        for watched in self._watched.values():
            self._look(watched)

    def _begin_round(self, watched: _Watched) -> None:
        watched.round += 1
        self._go_on(watched, watched.round, SOON)

    def _go_on(self, watched: _Watched, number: int, pause: float) -> None:
        """Look at a service again and again, until it is watched; its turn comes with each scan anyway."""
        if number != watched.round or self._is_over:
            return
        self._look(watched)
        if pause < INTERVAL and not watched.service.is_watched:
            self._loop.after(pause, lambda: self._go_on(watched, number, 2 * pause))

    def _look(self, watched: _Watched) -> None:
        if self._is_over:
            return
        if watched.is_looking:
            watched.looks_again = True
            return
        watched.is_looking, watched.looks_again = True, False
        self._threads.call(watched.service.look, lambda _: self._see(watched), watched.service.name)

    def _see(self, watched: _Watched) -> None:
        watched.is_looking = False
        if self._is_over:
            return
        service = watched.service
        if service.final is not None:
            self._is_over = True
            code = exit_code(service.final)
            say_soon(b"svscan: warning: %s: ending all services" % _describe(service.name, service.final))
            self._over(code)
            return
        if service.complaint and service.complaint != watched.complaint:
            say_soon(b"svscan: warning: unable to watch %s: %s" % (service.name, service.complaint))
        watched.complaint = service.complaint
        if watched.looks_again:
            self._look(watched)


class WatchingStarter:
    """Starts supervisors as another starter does, and lets each service be looked at before."""

    __slots__ = ("_inner", "_watch")

    def __init__(self, inner: "Starter", watch: EssentialWatch) -> None:
        """Take both."""
        self._inner, self._watch = inner, watch

    def start(self, name: bytes, role: int, pipe: "LoggerPipe | None") -> "Hashable | None":
        """See `scanner.Starter.start`; a service whose end ends everything is not started again."""
        if role == MAIN and not self._watch.note_start(name):
            return None
        return self._inner.start(name, role, pipe)


def exit_code(status: "Status") -> int:
    """Return the exit code that tells how the last ``run`` of a service ended."""
    details = status.details
    if details is None or details.code == UNKNOWN:
        return NOT_KNOWN
    return SIGNALLED + details.signal if details.code == BY_SIGNAL else details.code & 255


def _describe(name: bytes, status: "Status") -> bytes:
    what = b"%s has %s" % (name, b"failed for good" if status.has_failed else b"ended")
    details = status.details
    if details is None or details.code == UNKNOWN:
        return what + b", it is not known how"
    how = b"signal %d" % details.signal if details.code == BY_SIGNAL else b"exit code %d" % details.code
    return b"%s, %s" % (what, how)


def _nothing() -> None:
    pass
