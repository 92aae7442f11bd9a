"""``supervise DIR``: run a service, and restart it whenever it ends."""

import os

from ucspi.errors import ServiceError
from ucspi.exits import EXIT_TEMPORARY, EXIT_USAGE
from ucspi.programs._program import Stop, fatal, run
from ucspi.service import statusrecord
from ucspi.service.eventloop import EventLoop
from ucspi.service.serviceprocess import ServiceSetup
from ucspi.service.supervisor import Supervisor
from ucspi.service.supervisorhost import SupervisorHost
from ucspi.unix.environ import inherited
from ucspi.unix.fds import occupy_standard
from ucspi.unix.oom import shield

USAGE = b"supervise: usage: supervise dir"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_supervise, argv, USAGE)


def _supervise(argv: list[bytes]) -> int:
    if len(argv) == 4 and argv[1] == b"--warm":  # as svscan executes it
        return _serve(argv[2:])
    if len(argv) != 2:
        raise Stop(USAGE, EXIT_USAGE)
    occupy_standard()
    shield()
    return _begin(argv[1], _setup())


def _begin(name: bytes, setup: ServiceSetup) -> int:
    loop = _make_loop(name)
    try:
        supervisor = Supervisor(name, setup)
        os.fchdir(supervisor.directory.fd)  # as the original does
    except ServiceError as error:
        raise fatal(b"supervise", error.step, error.error) from None
    return _host(supervisor, loop)


def _setup() -> ServiceSetup:
    """Return what the service gets: all but what svscan tells us alone."""
    entries = inherited()
    told = statusrecord.ASKS_FOR_LONG in entries
    if told:
        entries = [entry for entry in entries if entry != statusrecord.ASKS_FOR_LONG]
    return ServiceSetup(entries, tells_end=told)


def _make_loop(name: bytes) -> EventLoop:
    try:
        return EventLoop()
    except OSError as error:
        raise fatal(b"supervise", b"unable to create pipe for " + name, error) from None


def _host(supervisor: Supervisor, loop: EventLoop) -> int:
    SupervisorHost(loop).add(supervisor, left=loop.stop)
    loop.run()
    return 0


def _serve(numbers: list[bytes]) -> int:
    """Be the process from which supervisors are forked; return in each of them, too."""
    if not all(map(bytes.isdigit, numbers)):
        raise Stop(USAGE, EXIT_USAGE)
    from ucspi.service.begunsupervisor import BegunSupervisor
    from ucspi.service.stemservice import serve

    shield()
    setup = ServiceSetup(inherited())
    try:
        beginning = serve(int(numbers[0]), int(numbers[1]), setup.environ)
    except OSError:
        return EXIT_TEMPORARY  # svscan executes each supervisor then
    if beginning is None:
        return 0
    if isinstance(beginning, bytes):
        return _begin(beginning, setup)
    return _host(BegunSupervisor(beginning, setup), _make_loop(beginning.name))
