"""The supervisors that were started, or could not be: all that a `teardown.Teardown` has to end."""

from _thread import allocate_lock
from itertools import count

from ucspi.service.registry import LOG, MAIN, path_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from ucspi.service.loggerpipe import LoggerPipe

    class Handle(Protocol):
        """What controls a supervisor that runs, in this process or in another.

        Attributes:
            holds_lock: the supervisor certainly has the lock of its directory; one that is
                just starting may not get it.
        """

        holds_lock: bool

        def tell(self, letters: bytes, heard: Callable[[], object]) -> None:
            """Send control bytes that start nothing; call ``heard`` when the supervisor has read them."""
            ...

        def has_left(self) -> bool:
            """Return whether it is done and only closes its directory, for which a disk may be slow."""
            ...

        def kill(self) -> bool:
            """Kill its process, and then itself; return whether it is known whom to kill."""
            ...


MOST_LOST = 4096  # more than a scan starts, so the oldest belong to services that are gone


class SupervisorEntry:
    """A supervisor in the list.

    Attributes:
        name: of its service.
        role: `registry.MAIN` or `registry.LOG`.
        pipe: between the service and its logger; None if there is no logger.
        handle: controls it; None while it does not run yet or has ended.
        was_alone: it has ended, and while it ran it held the lock, so no other supervisor did.
    """

    __slots__ = ("handle", "name", "pipe", "role", "was_alone")

    def __init__(self, name: bytes, role: int, pipe: "LoggerPipe | None") -> None:
        """Note a supervisor that does not run yet."""
        self.name, self.role, self.pipe = name, role, pipe
        self.was_alone = False
        self.handle: Handle | None = None

    @property
    def path(self) -> bytes:
        """The directory of the supervisor, by which messages also call it."""
        return path_of(self.name, self.role)


class SupervisorList:
    """The supervisors of all services of a directory.

    Attributes:
        entries: those that run or are about to, by their tokens; a token is never used twice.
        lost: those that have ended or could not begin, by name and role.  A supervisor that
            another svscan started may run in their place.
        is_closed: no more supervisors are to be started, but for the loggers of services that run.
    """

    __slots__ = ("_ended", "_lock", "_ran", "_tokens", "_written", "entries", "is_closed", "lost")

    def __init__(self, ended: "Callable[[int], object]") -> None:
        """Begin empty; ``ended`` is called with the token of each that has ended or could not begin."""
        self._tokens = count()
        self._ended: Callable[[int], object] = ended
        self._ran: Callable[[SupervisorEntry], object] = lambda entry: None
        self._lock = allocate_lock()  # nothing is added that whoever closes the list has not seen
        self._written: set[LoggerPipe] = set()  # by services whose supervisors have run
        self.entries: dict[int, SupervisorEntry] = {}
        self.lost: dict[tuple[bytes, int], SupervisorEntry] = {}
        self.is_closed = False

    def close(self, ran: "Callable[[SupervisorEntry], object]", ended: "Callable[[int], object]") -> None:
        """Start no more; from now on call ``ran`` with each entry that runs after all, and this ``ended``."""
        with self._lock:
            self.is_closed, self._ran, self._ended = True, ran, ended

    def add(self, name: bytes, role: int, pipe: "LoggerPipe | None", *, is_late: bool = False) -> int | None:
        """Add a supervisor that is about to be started; return its token.  Safe in any thread.

        None: the list is closed.  One that is late is added all the same.
        """
        with self._lock:
            if self.is_closed and not is_late:
                return None
            token = next(self._tokens)
            self.entries[token] = SupervisorEntry(name, role, pipe)
            self.lost.pop((name, role), None)
            return token

    def may_begin(self, entry: SupervisorEntry) -> bool:
        """Return whether a supervisor may be started now: a logger may while there is something to log."""
        return not self.is_closed or (entry.role == LOG and entry.pipe in self._written)

    def runs(self, token: int, handle: "Handle") -> None:
        """Note that a supervisor runs."""
        entry = self.entries[token]
        entry.handle = handle
        if entry.role == MAIN and entry.pipe:
            self._written.add(entry.pipe)
        self._ran(entry)

    def end(self, token: int) -> None:
        """Note that a supervisor has ended or could not begin."""
        entry = self.entries[token]
        handle, entry.handle = entry.handle, None
        entry.was_alone = handle is not None and handle.holds_lock
        self.lost[entry.name, entry.role] = entry
        if len(self.lost) > MOST_LOST:
            del self.lost[next(iter(self.lost))]
        self._ended(token)
        del self.entries[token]
