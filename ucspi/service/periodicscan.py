"""PeriodicScan of a directory of services, from a loop that has more to do."""

from ucspi.service.diskthreads import DiskThreads
from ucspi.service.scanner import INTERVAL, Scanner
from ucspi.unix.output import say_soon

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.service.eventloop import EventLoop
    from ucspi.service.scanner import Starter


class PeriodicScan:
    """A scan every five seconds, aside: what hangs in a directory holds up the next scan, and no service."""

    __slots__ = ("_ended", "_is_over", "_is_scanning", "_is_wanted", "_loop", "_scanner", "_threads")

    def __init__(self, loop: "EventLoop", make: "Callable[[Callable[[int], object]], Starter]") -> None:
        """Scan nothing yet.

        Args:
            loop: has the time.
            make: returns what starts supervisors; called with what it shall call
                with the token of one that has ended.
        """
        self._ended: list[int] = []
        self._scanner = Scanner(make(self._ended.append))
        self._loop, self._threads, self._is_scanning = loop, DiskThreads(loop), False
        self._is_wanted = self._is_over = False

    def turn(self) -> None:
        """Scan the current directory now, unless the last scan is still at it, and so on for ever."""
        self._loop.after(INTERVAL, self.turn)
        if not self._is_scanning:
            self._begin()

    def stop(self) -> None:
        """Begin no scan any more."""
        self._is_over = True

    def at_once(self) -> None:
        """Scan now, or again as soon as the scan that is at it has ended."""
        if self._is_scanning:
            self._is_wanted = True
        else:
            self._begin()

    def _begin(self) -> None:
        if self._is_over:
            return
        self._is_scanning, self._is_wanted = True, False
        self._threads.call(self._scan, self._finish)

    def _scan(self) -> None:
        """Look through the directory, in a thread, which alone touches the registry."""
        try:
            while self._ended:
                self._scanner.registry.ended(self._ended.pop())
            self._scanner.scan()
        except Exception as error:  # no failed scan is worth the services that run
            say_soon(b"svscan: warning: unable to scan: %a" % error)

    def _finish(self, nothing: object) -> None:
        self._is_scanning = False
        if self._is_wanted:
            self._begin()
