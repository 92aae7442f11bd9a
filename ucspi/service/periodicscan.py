"""A scan of the directory of services every five seconds, in an event loop."""

from ucspi.service.diskthreads import DiskThreads
from ucspi.service.scanner import INTERVAL, Scanner
from ucspi.unix.output import say_soon

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.service.eventloop import EventLoop
    from ucspi.service.scanner import Starter


class PeriodicScan:
    """Scans every five seconds, in a thread.

    If a disk hangs, only the next scan has to wait, not the services that run.
    """

    __slots__ = ("_ended", "_is_scanning", "_is_stopped", "_loop", "_scanner", "_scans_again", "_threads")

    def __init__(self, loop: "EventLoop", make: "Callable[[Callable[[int], object]], Starter]") -> None:
        """Scan nothing yet.

        Args:
            loop: calls us when it is time.
            make: returns a starter of supervisors.  It is called with a function, which
                the starter calls with the token of each supervisor that has ended.
        """
        self._ended: list[int] = []
        self._scanner = Scanner(make(self._ended.append))
        self._loop, self._threads, self._is_scanning = loop, DiskThreads(loop), False
        self._scans_again = self._is_stopped = False

    def turn(self) -> None:
        """Scan the current directory now, unless a scan is going on, and again every five seconds."""
        self._loop.after(INTERVAL, self.turn)
        if not self._is_scanning:
            self._begin()

    def stop(self) -> None:
        """Begin no more scans."""
        self._is_stopped = True

    def at_once(self) -> None:
        """Scan now; if a scan is going on, scan again when it has ended."""
        if self._is_scanning:
            self._scans_again = True
        else:
            self._begin()

    def _begin(self) -> None:
        if self._is_stopped:
            return
        self._is_scanning, self._scans_again = True, False
        self._threads.call(self._scan, self._finish)

    def _scan(self) -> None:
        """Look through the directory; this runs in a thread, and nothing else uses the registry."""
        try:
            while self._ended:
                self._scanner.registry.ended(self._ended.pop())
            self._scanner.scan()
        except Exception as error:  # it must not end the services that run
            say_soon(b"svscan: warning: unable to scan: %a" % error)

    def _finish(self, nothing: object) -> None:
        self._is_scanning = False
        if self._scans_again:
            self._begin()
