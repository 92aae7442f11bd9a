"""Keeping a directory of services supervised, from a loop: for ever, or until we are told to end."""

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
        """A starter that lists the supervisors that it started: all but the classic one."""

        supervisors: SupervisorList

    Make = Callable[[EventLoop, Callable[[int], object]], ListingStarter]


def supervise_all(make: "Make", seconds: float | None = None) -> "NoReturn":
    """Scan the current directory every five seconds, and have what is there supervised.

    With ``seconds``, HUP scans at once, and TERM, INT and QUIT end all, and then this process with 0.
    INT, QUIT and HUP stay ignored if they are.

    Args:
        make: returns what starts supervisors.
        seconds: after which a service that still runs is killed; None: no signal is caught.
    """
    loop = EventLoop()
    starters: list[ListingStarter] = []

    def begin(ended: "Callable[[int], object]") -> "Starter":
        starters.append(make(loop, ended))
        return starters[0]

    scans = PeriodicScan(loop, begin)
    if seconds is not None:
        _listen(loop, scans, starters[0].supervisors, seconds)
    scans.turn()
    loop.run()
    os._exit(0)  # whatever hangs in a thread


def _listen(loop: EventLoop, scans: PeriodicScan, supervisors: "SupervisorList", seconds: float) -> None:
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
