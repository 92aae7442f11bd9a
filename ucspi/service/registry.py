"""Which services there are, and what of each one is missing: decisions without a system call.

A service is a directory, whatever its name: device and inode say which one.  It
has one supervisor, or two and a pipe between them when it is logged.  Each
supervisor that runs goes by a token, a pid for instance, under which its end is
reported.

A scan calls `begin`, then `see` for each directory that it finds and `add` for
the new ones, starts what `missing` says, and calls `forget` when nothing can
have escaped it.

Source: observed from svscan.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from ucspi.service.loggerpipe import LoggerPipe

    Identity = tuple[int, int]  # device and inode

LIMIT = 1000  # services at once, as many as the original keeps

MAIN, LOG = 0, 1  # the supervisors of a service


def path_of(name: bytes, role: int) -> bytes:
    """Return the directory of a supervisor, by which messages also call it."""
    return name + b"/log" if role == LOG else name


class Service:
    """A directory that is supervised; ``pipe`` is None when it is not logged."""

    __slots__ = ("_running", "_scan", "identity", "pipe")

    def __init__(self, identity: "Identity", pipe: "LoggerPipe | None") -> None:
        """Take what is never looked at again."""
        self.identity, self.pipe = identity, pipe
        self._running = [False, False]
        self._scan = 0

    def missing(self) -> "Iterator[int]":
        """Yield `MAIN` and `LOG`, in this order, for the supervisors that do not run."""
        if not self._running[MAIN]:
            yield MAIN
        if self.pipe is not None and not self._running[LOG]:
            yield LOG


class Registry:
    """The services known, and who runs for them."""

    __slots__ = ("_limit", "_running", "_scan", "_services")

    def __init__(self, limit: int = LIMIT) -> None:
        """Know nothing yet, and never more than ``limit`` services."""
        self._limit, self._scan = limit, 0
        self._services: dict[Identity, Service] = {}
        self._running: dict[Hashable, tuple[Service, int]] = {}

    def begin(self) -> None:
        """Begin a scan, in which nothing was seen yet."""
        self._scan += 1

    def see(self, identity: "Identity") -> Service | None:
        """Return the service of a directory that was found, or None if it is new."""
        service = self._services.get(identity)
        if service is not None:
            service._scan = self._scan
        return service

    def is_full(self) -> bool:
        """Say whether no service can be added."""
        return len(self._services) >= self._limit

    def add(self, identity: "Identity", pipe: "LoggerPipe | None") -> Service:
        """Register a directory that `see` did not know, and return its service."""
        service = self._services[identity] = Service(identity, pipe)
        service._scan = self._scan
        return service

    def started(self, token: "Hashable", service: Service, role: int) -> None:
        """Note that a supervisor runs, in the role that was missing."""
        service._running[role] = True
        self._running[token] = service, role

    def ended(self, token: "Hashable") -> None:
        """Note that a supervisor ended; a token that was never told is a stranger's."""
        known = self._running.pop(token, None)
        if known is not None:
            service, role = known
            service._running[role] = False

    def forget(self) -> "Iterator[Service]":
        """Drop the services that this scan did not see and nothing runs for; yield them.

        Only a whole scan may say so: what an interrupted one has not seen may be there.
        """
        gone = [
            service
            for service in self._services.values()
            if service._scan != self._scan and not any(service._running)
        ]
        for service in gone:
            del self._services[service.identity]
            yield service
