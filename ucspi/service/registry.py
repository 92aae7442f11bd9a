"""Which services there are, and which supervisors they lack: decisions without a system call.

A service is a directory.  Its device and inode identify it, not its name.  It
has one supervisor, or, if it is logged, two and a pipe between them.  Each
supervisor that runs has a token, for instance its pid, under which its end is
reported.

A scan calls `begin`, then `see` for each directory that it finds and `add` for
each new one.  It starts what `Service.missing` yields.  If it has seen the whole
directory, it calls `forget`.

Source: observed from svscan.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from ucspi.service.loggerpipe import LoggerPipe

    Identity = tuple[int, int]  # device and inode

LIMIT = 1000  # services at once, as in the original

MAIN, LOG = 0, 1  # the supervisors of a service


def path_of(name: bytes, role: int) -> bytes:
    """Return the directory of a supervisor, by which messages also call it."""
    return name + b"/log" if role == LOG else name


class Service:
    """A directory that is supervised; ``pipe`` is None if it is not logged."""

    __slots__ = ("_running", "_scan", "identity", "pipe")

    def __init__(self, identity: "Identity", pipe: "LoggerPipe | None") -> None:
        """Take the identity of the directory and the pipe to its logger, which stay the same."""
        self.identity, self.pipe = identity, pipe
        self._running = [False, False]
        self._scan = 0

    def missing(self) -> "Iterator[int]":
        """Yield those of `MAIN` and `LOG`, in this order, whose supervisors do not run."""
        if not self._running[MAIN]:
            yield MAIN
        if self.pipe is not None and not self._running[LOG]:
            yield LOG


class Registry:
    """All known services, and which of their supervisors run."""

    __slots__ = ("_limit", "_running", "_scan", "_services")

    def __init__(self, limit: int = LIMIT) -> None:
        """Begin with no service; keep at most ``limit``."""
        self._limit, self._scan = limit, 0
        self._services: dict[Identity, Service] = {}
        self._running: dict[Hashable, tuple[Service, int]] = {}

    def begin(self) -> None:
        """Begin a scan, in which no directory was seen yet."""
        self._scan += 1

    def see(self, identity: "Identity") -> Service | None:
        """Note that a scan has found a directory; return its service, or None if it is new."""
        service = self._services.get(identity)
        if service is not None:
            service._scan = self._scan
        return service

    def is_full(self) -> bool:
        """Return whether no more service can be added."""
        return len(self._services) >= self._limit

    def add(self, identity: "Identity", pipe: "LoggerPipe | None") -> Service:
        """Register a directory that `see` did not know, and return its service."""
        service = self._services[identity] = Service(identity, pipe)
        service._scan = self._scan
        return service

    def started(self, token: "Hashable", service: Service, role: int) -> None:
        """Note that the supervisor of a service in a role was started."""
        service._running[role] = True
        self._running[token] = service, role

    def ended(self, token: "Hashable") -> None:
        """Note that a supervisor ended; an unknown token is ignored, for it is another child's."""
        known = self._running.pop(token, None)
        if known is not None:
            service, role = known
            service._running[role] = False

    def forget(self) -> "Iterator[Service]":
        """Drop the services that this scan did not see and that have no supervisor running; yield them.

        Call it only after a whole scan: what an interrupted scan has not seen may still be there.
        """
        gone = [
            service
            for service in self._services.values()
            if service._scan != self._scan and not any(service._running)
        ]
        for service in gone:
            del self._services[service.identity]
            yield service
