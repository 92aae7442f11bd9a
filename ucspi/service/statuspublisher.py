"""Publishing the status of a service: at once, or in threads where a hanging disk must not hold up others.

`ThreadPublisher` publishes in order, and of those that wait only the latest,
since nobody can have seen the others.  While it is behind, a new process leaves
its status to it.  As long as a started child may still publish its own status
(`ucspi.unix.start.LateChild`), the publisher waits for it.  So the file always
ends up with what is true last.  Nothing is closed while it is in use.
"""

from ucspi.unix.output import say_soon

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, Protocol, TypeVar

    from ucspi.service.diskthreads import DiskThreads
    from ucspi.service.eventloop import EventLoop
    from ucspi.service.servicedir import ServiceDirectory
    from ucspi.unix.start import LateChild

    T = TypeVar("T")

    class StatusPublisher(Protocol):
        """Publishes the status of one service.

        Attributes:
            patience: seconds that a start may wait for the exec; None: without end.
        """

        patience: float | None

        def publish(self, record: bytes) -> None:
            """Replace the published status, now or later; a failure is a warning."""
            ...

        def aside(self, work: Callable[[], T], then: Callable[[T | None], object]) -> None:
            """Do what may wait for the disk, and then call ``then`` with its result, now or later."""
            ...

        def is_behind(self) -> bool:
            """Return whether something is not published yet."""
            ...

        def wait_for(self, late: LateChild, *, publishes: bool) -> None:
            """Note a child that is late; if it publishes its own status, publish nothing before."""
            ...

        def close(self, then: Callable[[], object]) -> None:
            """Close the directory when everything is published, and then call ``then``."""
            ...


AGAIN: "Final" = 0.1  # seconds between two looks at a late child
PATIENCE: "Final" = 0.02  # seconds for a new process to execute; most take a hundredth of that
LATE: "Final" = 1.0  # seconds after which a warning says that a disk hangs


class DirectPublisher:
    """Publishes at once; for a process with one service, which has nothing else to do meanwhile."""

    __slots__ = ("_directory", "patience")

    def __init__(self, directory: "ServiceDirectory") -> None:
        """Publish in a directory; a start waits for the exec without end."""
        self._directory = directory
        self.patience: float | None = None

    def publish(self, record: bytes) -> None:
        """See `StatusPublisher`."""
        self._directory.publish(record)

    def aside(self, work: "Callable[[], T]", then: "Callable[[T | None], object]") -> None:
        """See `StatusPublisher`."""
        then(work())

    def is_behind(self) -> bool:
        """See `StatusPublisher`."""
        return False

    def wait_for(self, late: "LateChild", *, publishes: bool) -> None:
        """See `StatusPublisher`; no child is ever late."""

    def close(self, then: "Callable[[], object]") -> None:
        """See `StatusPublisher`."""
        self._directory.close()
        then()


class ThreadPublisher:
    """Publishes in threads, so that a hanging disk holds up only this service."""

    __slots__ = (
        "_aside",
        "_directory",
        "_has_warned",
        "_is_busy",
        "_late",
        "_loop",
        "_next",
        "_number",
        "_then",
        "_threads",
        "patience",
    )

    def __init__(self, directory: "ServiceDirectory", loop: "EventLoop", threads: "DiskThreads") -> None:
        """Publish in a directory; a start waits at most `PATIENCE` for the exec."""
        self._directory, self._loop, self._threads = directory, loop, threads
        self.patience: float | None = PATIENCE
        self._next: bytes | None = None
        self._late: LateChild | None = None
        self._then: Callable[[], object] | None = None
        self._is_busy = self._has_warned = False
        self._number = 0  # of publications so far
        self._aside = 0  # how many of `aside` are going on

    def publish(self, record: bytes) -> None:
        """See `StatusPublisher`."""
        self._next = record
        self._go()

    def aside(self, work: "Callable[[], T]", then: "Callable[[T | None], object]") -> None:
        """See `StatusPublisher`."""
        self._aside += 1
        over: list[bool] = []

        def finish(result: "T | None") -> None:
            self._aside -= 1
            over.append(True)
            then(result)
            self._go()  # the directory may be waiting to be closed

        self._threads.call(work, finish, self._directory.disk)
        self._loop.after(LATE, lambda: None if over else self._warn())

    def is_behind(self) -> bool:
        """See `StatusPublisher`."""
        return self._is_busy or self._next is not None or self._late is not None

    def wait_for(self, late: "LateChild", *, publishes: bool) -> None:
        """See `StatusPublisher`."""
        if publishes:
            self._late = late
        self._loop.after(AGAIN, lambda: self._check(late))
        self._loop.after(LATE, lambda: None if late.is_over() else self._warn())

    def close(self, then: "Callable[[], object]") -> None:
        """See `StatusPublisher`; it is done in a thread too, for the disk may hang."""
        self._then = then
        self._go()

    def _check(self, late: "LateChild") -> None:
        """Go on if a late child has executed or ended."""
        if not late.is_over():
            self._loop.after(AGAIN, lambda: self._check(late))
        elif self._late is late:
            self._late = None
            self._go()

    def _go(self) -> None:
        """Begin what is next, unless something is going on."""
        if self._is_busy or self._late is not None:
            return
        if self._next is not None:
            record, self._next = self._next, None
            self._call(lambda: self._directory.publish(record), self._go)
        elif self._then is not None:
            if self._aside:
                return  # it uses the directory
            then, self._then = self._then, None
            self._call(self._directory.close, then)
        else:
            self._has_warned = False

    def _call(self, work: "Callable[[], object]", then: "Callable[[], object]") -> None:
        self._is_busy, self._number = True, self._number + 1
        number = self._number

        def finish(_: object) -> None:
            self._is_busy = False
            then()

        self._threads.call(work, finish, self._directory.disk)
        self._loop.after(LATE, lambda: self._warn() if self._is_busy and self._number == number else None)

    def _warn(self) -> None:
        if not self._has_warned:
            self._has_warned = True
            say_soon(b"supervise: warning: waiting for the disk of " + self._directory.name)
