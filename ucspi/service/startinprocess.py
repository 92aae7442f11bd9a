"""Starting supervisors inside this process: hundreds of services in one interpreter.

Files, messages and everything that others see are as if each supervisor were a
process of its own.  A supervisor that cannot begin prints what ``supervise``
would print.  The next scan tries it again, as it would start a ``supervise``
again that has ended.
"""

import os

from ucspi.errors import ServiceError
from ucspi.service import (
    conduct,  # noqa: F401 - for services with optional files; nothing is imported later
    controlfiles,
    listensockets,  # noqa: F401 - the same
    optionalvalues,  # noqa: F401 - the same
    socketplaces,  # noqa: F401 - the same
)
from ucspi.service.diskthreads import DiskThreads
from ucspi.service.eventloop import EventLoop
from ucspi.service.registry import LOG, path_of
from ucspi.service.scanner import warn
from ucspi.service.serviceprocess import ServiceSetup
from ucspi.service.statuspublisher import ThreadPublisher
from ucspi.service.supervisor import Supervisor
from ucspi.service.supervisorhost import SupervisorHost
from ucspi.service.supervisorlist import SupervisorList
from ucspi.unix import (
    cachedstat,  # noqa: F401 - the same
    environ,
    fds,
)
from ucspi.unix.errtext import explain
from ucspi.unix.output import say_soon

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.service.loggerpipe import LoggerPipe

SPARE = 4  # descriptors that are kept free for running services, which need some at every change


class InProcessHandle:
    """Controls a supervisor in this process."""

    __slots__ = ("_host", "_is_log", "_supervisor", "holds_lock")

    def __init__(self, host: SupervisorHost, supervisor: Supervisor, role: int) -> None:
        """Take the supervisor, its host and its role."""
        self._host, self._supervisor, self._is_log = host, supervisor, role == LOG
        self.holds_lock = True

    def tell(self, letters: bytes, heard: "Callable[[], object]") -> None:
        """See `supervisorlist.Handle.tell`; a rest ends early.

        A logger that has ended is first started again, so that it reads what is left in its pipe.
        """
        if self._is_log and self._host.is_hosting(self._supervisor):
            self._host.wake(self._supervisor)
        if self._host.is_hosting(self._supervisor):
            self._host.tell(self._supervisor, letters.decode())
        heard()

    def has_left(self) -> bool:
        """See `supervisorlist.Handle.has_left`."""
        return self._supervisor.has_left

    def kill(self) -> bool:
        """See `supervisorlist.Handle.kill`; it leaves when its process has ended."""
        self._supervisor.kill()
        return self._supervisor.pid > 0


class InProcessStarter:
    """Starts each supervisor in this process, in turns of a loop.

    A token is the one that `supervisorlist.SupervisorList.add` returned.
    """

    __slots__ = (
        "_environ",
        "_essential",
        "_inherited",
        "_loop",
        "_open_files",
        "_threads",
        "host",
        "supervisors",
    )

    def __init__(
        self,
        loop: EventLoop,
        ended: "Callable[[int], object]",
        open_files: int = 0,
        essential: "frozenset[bytes]" = frozenset(),
    ) -> None:
        """Start none yet.

        Args:
            loop: runs their host.
            ended: called with the token of a supervisor that has left, or could not begin.
            open_files: the soft limit of open files for services; 0 leaves it as it is.
            essential: names of services whose supervisors have to tell how they end.
        """
        self._loop, self._open_files, self._essential = loop, open_files, essential
        self.host = SupervisorHost(loop)
        self._environ = environ.inherited()
        self._inherited = fds.inherited()
        self._threads = DiskThreads(loop)
        self.supervisors = SupervisorList(ended)

    def start(
        self, name: bytes, role: int, pipe: "LoggerPipe | None", *, is_late: bool = False
    ) -> int | None:
        """See `scanner.Starter.start` and `superviseall.ListingStarter`.

        The end of a supervisor that cannot begin is reported at once.
        """
        token = self.supervisors.add(name, role, pipe, is_late=is_late)
        if token is None:
            return None
        setup = ServiceSetup(
            self._environ,
            input=pipe.reader if pipe and role == LOG else -1,
            output=pipe.writer if pipe and role != LOG else -1,
            open_files=self._open_files,
            inherited=self._inherited,
            tells_end=role != LOG and name in self._essential,
        )
        self._threads.call(lambda: _open(name, role, setup), lambda opened: self._host(opened, token))
        return token

    def _host(self, supervisor: Supervisor | None, token: int) -> None:
        """Host a supervisor that has opened its directory; None if it could not."""
        if supervisor is None:
            self.supervisors.end(token)
            return
        supervisor.publisher = ThreadPublisher(supervisor.directory, self._loop, self._threads)
        if not self.supervisors.may_begin(self.supervisors.entries[token]) and not supervisor.pid:
            # Everything is to end, so it must not start its service.
            supervisor.retire(lambda: self.supervisors.end(token))
            return
        try:
            fds.demand_spare(SPARE)
            self.host.add(supervisor, lambda: self.supervisors.end(token))
        except OSError as error:
            _complain(ServiceError(b"unable to supervise " + supervisor.name, error))
            supervisor.retire(lambda: self.supervisors.end(token))
            return
        if token in self.supervisors.entries:  # otherwise it has left already
            role = self.supervisors.entries[token].role
            self.supervisors.runs(token, InProcessHandle(self.host, supervisor, role))


def _open(name: bytes, role: int, setup: ServiceSetup) -> Supervisor | None:
    """Return a supervisor that has opened its directory; None if it cannot, after a message."""
    try:
        return _supervise(name, role, setup)
    except ServiceError as error:
        _complain(error)
    except Exception as error:
        # An unforeseen error in one service must not end all others.
        say_soon(b"svscan: warning: unable to start %s: %a" % (path_of(name, role), error))
    return None


def _supervise(name: bytes, role: int, setup: ServiceSetup) -> Supervisor | None:
    if role != LOG:
        return Supervisor(name, setup)
    try:
        parent = controlfiles.enter(name)
    except OSError as error:
        warn(b"unable to switch to " + name, error)
        return None
    try:
        return Supervisor(b"log", setup, parent)
    finally:
        os.close(parent)


def _complain(error: ServiceError) -> None:
    """Print why a supervisor cannot begin, as ``supervise`` would."""
    reason = b": " + explain(error.error) if error.error else b""
    say_soon(b"supervise: fatal: " + error.step + reason)
