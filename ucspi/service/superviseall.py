"""Keeping all services of a directory supervised, in an event loop."""

import _signal
import os

from ucspi.service.eventloop import EventLoop
from ucspi.service.periodicscan import PeriodicScan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn, Protocol

    from ucspi.service.scanner import Starter
    from ucspi.service.supervisorlist import SupervisorList

    class ListingStarter(Starter, Protocol):
        """A starter that knows which supervisors it has started; the classic one does not."""

        supervisors: SupervisorList

    Make = Callable[[EventLoop, Callable[[int], object]], ListingStarter]


def supervise_all(make: "Make", seconds: float | None = None) -> "NoReturn":
    """Supervise all services of the current directory, which is scanned every five seconds.

    With ``seconds``, SIGHUP starts a scan at once.  SIGTERM, SIGINT and SIGQUIT end
    all services, and then this process with exit code 0.  SIGINT, SIGQUIT and
    SIGHUP stay ignored if they are ignored at the start.

    Args:
        make: returns a starter of supervisors, given the loop and a function that the
            starter calls with the token of each supervisor that has ended.
        seconds: a service that still runs so long after the order to end is killed;
            None: no signal is caught.
    """
    loop = EventLoop()
    starters: list[ListingStarter] = []

    def begin(ended: "Callable[[int], object]") -> "Starter":
        starters.append(make(loop, ended))
        return starters[0]

    scans = PeriodicScan(loop, begin)
    if seconds is not None:
        _catch_signals(loop, scans, starters[0].supervisors, seconds)
    scans.turn()
    loop.run()
    os._exit(0)  # even if a thread hangs


def _catch_signals(
    loop: EventLoop, scans: PeriodicScan, supervisors: "SupervisorList", seconds: float
) -> None:
    from ucspi.service.diskthreads import DiskThreads
    from ucspi.service.teardown import Teardown

    teardown = Teardown(loop, supervisors, DiskThreads(loop), seconds)

    def end(*, with_loggers: bool = True) -> None:
        scans.stop()
        teardown.order(with_loggers=with_loggers)

    calls = {
        _signal.SIGTERM: end,
        _signal.SIGINT: end,
        _signal.SIGQUIT: lambda: end(with_loggers=False),
        _signal.SIGHUP: scans.at_once,
    }
    for number, call in calls.items():
        if number == _signal.SIGTERM or _signal.getsignal(number) != _signal.SIG_IGN:
            loop.on_signal(number, call)
