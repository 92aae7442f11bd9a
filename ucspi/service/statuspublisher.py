"""Publishing the status of a service: at once, or aside where a disk that hangs must not hold up others.

What is published aside is published in order, and of what waits only the latest:
nobody can have seen the others.  While an earlier one is on its way the next
start leaves its own status to us, and while a child may yet publish its own
(`ucspi.unix.start.LateChild`) ours waits for it: so the file always comes to what
is true last.  Nothing is closed that is in use.
"""

from ucspi.unix.output import say_soon

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, Protocol

    from ucspi.service.diskthreads import DiskThreads
    from ucspi.service.eventloop import EventLoop
    from ucspi.service.servicedir import ServiceDirectory
    from ucspi.unix.start import LateChild

    class StatusPublisher(Protocol):
        """Publishes what one supervisor says."""

        patience: float | None

        def publish(self, record: bytes) -> None:
            """Put a new status in the place of the old one, now or later; what fails is a warning."""
            ...

        def is_behind(self) -> bool:
            """Say whether something is not published yet."""
            ...

        def wait_for(self, late: LateChild, *, publishes: bool) -> None:
            """Know of a child that has not executed yet; publish nothing before, if it publishes itself."""
            ...

        def close(self, then: Callable[[], object]) -> None:
            """Close the directory when all is published, and call ``then``."""
            ...


AGAIN: "Final" = 0.1  # seconds until a late child is looked at again
PATIENCE: "Final" = 0.02  # seconds for a new process to execute; most take a hundredth of that
LATE: "Final" = 1.0  # seconds after which a disk is said to hang


class DirectPublisher:
    """Publishes without delay: whoever has one service has nothing to do meanwhile."""

    __slots__ = ("_directory", "patience")

    def __init__(self, directory: "ServiceDirectory") -> None:
        """Publish in a directory; a start waits for the exec as long as it takes."""
        self._directory = directory
        self.patience: float | None = None

    def publish(self, record: bytes) -> None:
        """See `StatusPublisher`."""
        self._directory.publish(record)

    def is_behind(self) -> bool:
        """See `StatusPublisher`."""
        return False

    def wait_for(self, late: "LateChild", *, publishes: bool) -> None:
        """See `StatusPublisher`; there is none."""

    def close(self, then: "Callable[[], object]") -> None:
        """See `StatusPublisher`."""
        self._directory.close()
        then()


class ThreadPublisher:
    """Publishes in threads."""

    __slots__ = (
        "_directory",
        "_has_told",
        "_is_busy",
        "_late",
        "_loop",
        "_next",
        "_since",
        "_then",
        "_threads",
        "patience",
    )

    def __init__(self, directory: "ServiceDirectory", loop: "EventLoop", threads: "DiskThreads") -> None:
        """Publish in a directory; a start waits for the exec for a moment only."""
        self._directory, self._loop, self._threads = directory, loop, threads
        self.patience: float | None = PATIENCE
        self._next: bytes | None = None
        self._late: LateChild | None = None
        self._then: Callable[[], object] | None = None
        self._is_busy = self._has_told = False
        self._since = 0  # which publication this is

    def publish(self, record: bytes) -> None:
        """See `StatusPublisher`."""
        self._next = record
        self._go()

    def is_behind(self) -> bool:
        """See `StatusPublisher`."""
        return self._is_busy or self._next is not None or self._late is not None

    def wait_for(self, late: "LateChild", *, publishes: bool) -> None:
        """See `StatusPublisher`."""
        if publishes:
            self._late = late
        self._loop.after(AGAIN, lambda: self._look(late))
        self._loop.after(LATE, lambda: None if late.is_over() else self._tell())

    def close(self, then: "Callable[[], object]") -> None:
        """See `StatusPublisher`; the disk may hang at that, too."""
        self._then = then
        self._go()

    def _look(self, late: "LateChild") -> None:
        """See whether a child is over."""
        if not late.is_over():
            self._loop.after(AGAIN, lambda: self._look(late))
        elif self._late is late:
            self._late = None
            self._go()

    def _go(self) -> None:
        """Do what is next, if nothing is under way."""
        if self._is_busy or self._late is not None:
            return
        if self._next is not None:
            record, self._next = self._next, None
            self._call(lambda: self._directory.publish(record), self._go)
        elif self._then is not None:
            then, self._then = self._then, None
            self._call(self._directory.close, then)
        else:
            self._has_told = False

    def _call(self, work: "Callable[[], object]", then: "Callable[[], object]") -> None:
        self._is_busy, self._since = True, self._since + 1
        since = self._since

        def finish(_: object) -> None:
            self._is_busy = False
            then()

        self._threads.call(work, finish, self._directory.disk)
        self._loop.after(LATE, lambda: self._tell() if self._is_busy and self._since == since else None)

    def _tell(self) -> None:
        if not self._has_told:
            self._has_told = True
            say_soon(b"supervise: warning: waiting for the disk of " + self._directory.name)
