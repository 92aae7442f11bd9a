"""Who was started, and who could not be: what has to be known to end them all."""

from itertools import count

from ucspi.service.registry import path_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from ucspi.service.loggerpipe import LoggerPipe

    class Handle(Protocol):
        """A supervisor that runs, here, as a child, or as nobody's child.

        Attributes:
            holds_lock: it certainly has the lock of its directory; one that is just starting may not get it.
        """

        holds_lock: bool

        def tell(self, letters: bytes, heard: Callable[[], object]) -> None:
            """Have it obey control bytes that start nothing; ``heard`` is called when it has read them."""
            ...

        def has_left(self) -> bool:
            """Say whether only its directory keeps it: its process has ended, and it hears nothing more."""
            ...

        def kill(self) -> bool:
            """Kill its process, and then it; say whether it is known whom to kill."""
            ...


MOST_LOST = 4096  # more than a scan tries to start: the oldest are of services that are gone


class SupervisorEntry:
    """A supervisor that is wanted: of which service, in which role.

    Attributes:
        name: of the service.
        role: `registry.MAIN` or `registry.LOG`.
        pipe: between the service and its logger; None when there is no logger.
        handle: by which it is spoken to; None as long as, or since, it does not run.
        was_alone: when it has ended: no other supervisor can have been there.
    """

    __slots__ = ("handle", "name", "pipe", "role", "was_alone")

    def __init__(self, name: bytes, role: int, pipe: "LoggerPipe | None") -> None:
        """It does not run yet."""
        self.name, self.role, self.pipe = name, role, pipe
        self.was_alone = False
        self.handle: Handle | None = None

    @property
    def path(self) -> bytes:
        """The directory of the supervisor, by which messages also call it."""
        return path_of(self.name, self.role)


class SupervisorList:
    """All entries of a directory of services.

    Attributes:
        entries: by their token, which no other one ever had: those that run, or are about to.
        lost: those whose last supervisor has ended or could not begin; another's may run there.
        is_closed: nobody is to be started any more.
    """

    __slots__ = ("_ended", "_ran", "_tokens", "entries", "is_closed", "lost")

    def __init__(self, ended: "Callable[[int], object]") -> None:
        """Know nobody; ``ended`` is called with the token of one that has ended, or could not begin."""
        self._tokens = count()
        self._ended: Callable[[int], object] = ended
        self._ran: Callable[[SupervisorEntry], object] = lambda entry: None
        self.entries: dict[int, SupervisorEntry] = {}
        self.lost: dict[tuple[bytes, int], SupervisorEntry] = {}
        self.is_closed = False

    def close(self, ran: "Callable[[SupervisorEntry], object]", ended: "Callable[[int], object]") -> None:
        """Have nobody started any more; from now on call ``ran`` with an entry that runs after all."""
        self.is_closed, self._ran, self._ended = True, ran, ended

    def add(self, name: bytes, role: int, pipe: "LoggerPipe | None") -> int:
        """Note that a supervisor is about to be started; return its token.  Safe in any thread."""
        token = next(self._tokens)
        self.entries[token] = SupervisorEntry(name, role, pipe)
        self.lost.pop((name, role), None)
        return token

    def runs(self, token: int, handle: "Handle") -> None:
        """Note that it runs."""
        entry = self.entries[token]
        entry.handle = handle
        self._ran(entry)

    def end(self, token: int) -> None:
        """Note that it has ended, or could not begin."""
        entry = self.entries[token]
        handle, entry.handle = entry.handle, None
        entry.was_alone = handle is not None and handle.holds_lock
        self.lost[entry.name, entry.role] = entry
        if len(self.lost) > MOST_LOST:
            del self.lost[next(iter(self.lost))]
        self._ended(token)
        del self.entries[token]
