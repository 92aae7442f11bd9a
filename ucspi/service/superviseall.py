"""Keeping all services of a directory supervised, in an event loop."""

import _signal
import os

from ucspi.service.eventloop import EventLoop
from ucspi.service.periodicscan import PeriodicScan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn, Protocol

    from ucspi.service.essentialwatch import EssentialWatch
    from ucspi.service.loggerpipe import LoggerPipe
    from ucspi.service.scanner import Starter
    from ucspi.service.supervisorlist import SupervisorList
    from ucspi.service.teardown import Teardown

    class ListingStarter(Starter, Protocol):
        """A starter that knows which supervisors it has started; the classic one does not."""

        supervisors: SupervisorList

        def start(
            self, name: bytes, role: int, pipe: LoggerPipe | None, *, is_late: bool = False
        ) -> int | None:
            """See there; one that is late is started even when everything is to end."""
            ...

    Make = Callable[[EventLoop, Callable[[int], object]], ListingStarter]


class Ending:
    """When and how everything is to end.

    Attributes:
        catches: signals are caught: SIGTERM, SIGINT and SIGQUIT end all, SIGHUP scans at once.
        seconds: a service that still runs so long after the order to end is killed.
        essential: names of services; everything ends with the first of them that fails
            for good, or ends while it was wanted once.
    """

    __slots__ = ("catches", "essential", "seconds")

    def __init__(
        self, seconds: float, *, catches: bool = False, essential: frozenset[bytes] = frozenset()
    ) -> None:
        """Take them."""
        self.seconds, self.catches, self.essential = seconds, catches, essential


def supervise_all(make: "Make", ending: Ending | None = None) -> "NoReturn":
    """Supervise all services of the current directory, which is scanned every five seconds.

    This process then ends with exit code 0 after a signal, and with that of an essential
    service after its end.  What was ordered first counts.  SIGINT, SIGQUIT and
    SIGHUP stay ignored if they are ignored at the start.

    Args:
        make: returns a starter of supervisors, given the loop and a function that the
            starter calls with the token of each supervisor that has ended.
        ending: what ends everything; None: nothing, and no signal is caught.
    """
    loop = EventLoop()
    tree = _Tree(loop, make, ending or Ending(0.0))
    tree.scans.turn()
    loop.run()
    os._exit(tree.code)  # even if a thread hangs


class _Tree:
    """All services, and their end.

    Attributes:
        scans: of the directory.
        code: the exit code.
    """

    __slots__ = ("_starter", "_teardown", "_watch", "code", "scans")

    def __init__(self, loop: EventLoop, make: "Make", ending: Ending) -> None:
        self.code = 0
        self._watch: EssentialWatch | None = None
        self._teardown: Teardown | None = None

        def begin(ended: "Callable[[int], object]") -> "Starter":
            inner = make(loop, ended)
            self._starter = inner
            return self._watching(loop, inner, ending.essential) if ending.essential else inner

        self.scans = PeriodicScan(loop, begin)
        if ending.catches or ending.essential:
            self._prepare_end(loop, ending)

    def _watching(self, loop: EventLoop, inner: "Starter", names: frozenset[bytes]) -> "Starter":
        from ucspi.service.essentialwatch import EssentialWatch, WatchingStarter

        self._watch = EssentialWatch(loop, names, self._end_with)
        return WatchingStarter(inner, self._watch)

    def _prepare_end(self, loop: EventLoop, ending: Ending) -> None:
        from ucspi.service.diskthreads import DiskThreads
        from ucspi.service.registry import LOG
        from ucspi.service.teardown import Teardown

        starter = self._starter
        self._teardown = Teardown(
            loop,
            starter.supervisors,
            DiskThreads(loop),
            ending.seconds,
            lambda name, pipe: starter.start(name, LOG, pipe, is_late=True),
        )
        if not ending.catches:
            return
        calls = {
            _signal.SIGTERM: self._end,
            _signal.SIGINT: self._end,
            _signal.SIGQUIT: lambda: self._end(with_loggers=False),
            _signal.SIGHUP: self.scans.at_once,
        }
        for number, call in calls.items():
            if number == _signal.SIGTERM or _signal.getsignal(number) != _signal.SIG_IGN:
                loop.on_signal(number, call)

    def _end_with(self, code: int) -> None:
        """End everything because of an essential service."""
        self.code = code
        self._end()

    def _end(self, *, with_loggers: bool = True) -> None:
        self.scans.stop()
        if self._watch:
            self._watch.stop()
        if self._teardown:
            self._teardown.order(with_loggers=with_loggers)
