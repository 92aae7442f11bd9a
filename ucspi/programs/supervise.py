"""``supervise DIR``: run a service, and restart it whenever it ends."""

import os

from ucspi.errors import ServiceError
from ucspi.exits import EXIT_USAGE
from ucspi.programs._program import Stop, fatal, run
from ucspi.service.eventloop import EventLoop
from ucspi.service.supervisor import ServiceSetup, Supervisor
from ucspi.service.supervisorhost import SupervisorHost
from ucspi.unix.environ import inherited
from ucspi.unix.fds import occupy_standard
from ucspi.unix.oom import shield

USAGE = b"supervise: usage: supervise dir"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_supervise, argv, USAGE)


def _supervise(argv: list[bytes]) -> int:
    if len(argv) != 2:
        raise Stop(USAGE, EXIT_USAGE)
    occupy_standard()
    shield()
    try:
        loop = EventLoop()
    except OSError as error:
        raise fatal(b"supervise", b"unable to create pipe for " + argv[1], error) from None
    try:
        supervisor = Supervisor(argv[1], ServiceSetup(inherited()))
        os.fchdir(supervisor.directory.fd)  # as the original does
    except ServiceError as error:
        raise fatal(b"supervise", error.step, error.error) from None
    SupervisorHost(loop).add(supervisor, left=loop.stop)
    loop.run()
    return 0
