"""Looking through a directory of services, and starting the supervisors that are missing.

svscan calls `Scanner.scan` every five seconds.  It never fails: what cannot be
done is a line on stderr, and the next scan tries it again.

Source: observed from svscan.
"""

import os
from stat import S_ISDIR

from ucspi.service.loggerpipe import LoggerPipe, make_pipe
from ucspi.service.piperecovery import recover
from ucspi.service.registry import Registry, Service, path_of
from ucspi.unix.errtext import describe
from ucspi.unix.output import say_soon

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import Protocol

    class Starter(Protocol):
        """A way to start supervisors: `startclassic`, `startchildren` or `startinprocess`."""

        def start(self, name: bytes, role: int, pipe: LoggerPipe | None) -> "Hashable | None":
            """Start a supervisor of the service called ``name``.

            Args:
                name: its directory in the one that is scanned.
                role: `registry.MAIN` for the service itself, `registry.LOG` for its logger.
                pipe: between the two; None if there is no logger.

            Returns:
                The token under which its end will be reported.  None if none was
                started; the reason is on stderr already.

            Raises:
                OSError: no process or descriptor is to be had.
            """
            ...


INTERVAL = 5  # seconds from the end of a scan to the next one


def warn(what: bytes, error: OSError) -> None:
    """Print a warning: what could not be done, and why."""
    say_soon(b"svscan: warning: %s: %s" % (what, describe(error.errno)))


class Scanner:
    """Looks for services in the current directory, and starts what is missing for them."""

    __slots__ = ("_starter", "registry")

    def __init__(self, starter: "Starter", registry: Registry | None = None) -> None:
        """Begin with no service, or with those that a registry has."""
        self._starter = starter
        self.registry = registry or Registry()

    def scan(self) -> None:
        """Look at every entry, start what is missing, and forget services that are gone."""
        self.registry.begin()
        try:
            with os.scandir(b".") as entries:
                for entry in entries:
                    self._look(entry.name)
        except OSError as error:
            warn(b"unable to read directory", error)
            return
        for service in self.registry.forget():
            if service.pipe is not None:
                service.pipe.close()

    def _look(self, name: bytes) -> None:
        if name.startswith(b"."):
            return
        try:
            status = os.stat(name)
        except OSError as error:
            warn(b"unable to stat " + name, error)
            return
        if not S_ISDIR(status.st_mode):
            return
        identity = status.st_dev, status.st_ino
        service = self.registry.see(identity) or self._register(name, identity)
        if service is not None:
            self._start_missing(name, service)

    def _register(self, name: bytes, identity: tuple[int, int]) -> Service | None:
        if self.registry.is_full():
            say_soon(b"svscan: warning: unable to start %s: running too many services" % name)
            return None
        step = b"unable to stat %s/log"
        try:
            pipe = None
            if _is_logged(name):
                step = b"unable to create pipe for %s"
                pipe = recover(name) or make_pipe()
        except OSError as error:
            warn(step % name, error)
            return None  # it is not registered, so the next scan looks at it again
        return self.registry.add(identity, pipe)

    def _start_missing(self, name: bytes, service: Service) -> None:
        for role in service.missing():
            try:
                token = self._starter.start(name, role, service.pipe)
            except OSError as error:
                warn(b"unable to fork for " + path_of(name, role), error)
                return
            if token is not None:
                self.registry.started(token, service, role)


def _is_logged(name: bytes) -> bool:
    """Return whether a service has anything called ``log``."""
    try:
        os.stat(name + b"/log")
    except FileNotFoundError:
        return False
    return True
