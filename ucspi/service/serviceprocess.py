"""Starting the programs of a service: ``run``, ``finish`` and ``check``.

Each gets what the host was given, and the service's directory as the current one.
``run`` and ``finish`` leave their birth record, so that the successor of a killed
supervisor knows them.
"""

import os

from ucspi.service import birthrecord
from ucspi.unix.start import ChildSetup, PidFile, PidLine, start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.service.handedon import HandedOn
    from ucspi.service.servicedir import ServiceDirectory
    from ucspi.service.statuspublisher import StatusPublisher


class ServiceSetup:
    """What all services of one host get when they start; see `ucspi.unix.start.start`."""

    __slots__ = ("environ", "inherited", "input", "open_files", "output", "tells_end")

    def __init__(
        self,
        environ: list[bytes],
        *,
        input: int = -1,  # noqa: A002 - the best word for it
        output: int = -1,
        open_files: int = 0,
        inherited: "list[int] | None" = None,
        tells_end: bool = False,
    ) -> None:
        """Take them.

        Args:
            environ: see `ucspi.unix.start.start`.
            input: see `ucspi.unix.start.ChildSetup`, as for the next two.
            output: see there.
            open_files: see there.
            inherited: descriptors above 2 that the host has inherited and hands on.  None: not
                known; until its exec a service then holds all descriptors of the host.
            tells_end: the status says how the service has ended, even without optional files.
        """
        self.environ, self.input, self.output, self.open_files = environ, input, output, open_files
        self.inherited, self.tells_end = inherited, tells_end

    def limit(self) -> int:
        """Return the number that all descriptors of a service are below."""
        from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit

        soft = getrlimit(RLIMIT_NOFILE)[0]
        here = 2**31 if soft == RLIM_INFINITY else soft
        return min(here, self.open_files or here)


class ServiceProcesses:
    """Starts the programs of one service."""

    __slots__ = ("_directory", "_mark", "setup")

    def __init__(self, directory: "ServiceDirectory", setup: ServiceSetup) -> None:
        """Take the directory, which is locked, and what its programs get."""
        self._directory, self.setup, self._mark = directory, setup, directory.mark()

    def run(
        self,
        publisher: "StatusPublisher",
        status: PidFile | None,
        given: "HandedOn | None" = None,
        *,
        is_leader: bool = False,
    ) -> int:
        """Start ``run``, which publishes a status before it executes; return its pid.

        Args:
            publisher: waits for a child that is late.
            status: what the child publishes; None: nothing.
            given: what it gets and the others do not.
            is_leader: see `ucspi.unix.start.ChildSetup`.

        Raises:
            OSError: no process can be made.
        """
        setup = self._setup(b"run", publisher, is_leader=is_leader)
        setup.pid_line, setup.pid_file = self._birth_line(self._mark), status
        if given:
            setup.others, setup.pid_variable = given.descriptors(), given.pid_variable
        return self._start([b"./run"], given.environ if given else None, setup, publisher)

    def finish(self, publisher: "StatusPublisher", arguments: list[bytes]) -> int:
        """Start ``finish`` as the leader of a session; return its pid.

        Raises:
            OSError: no process can be made.
        """
        setup = self._setup(b"finish", publisher, is_leader=True)
        setup.pid_line = self._birth_line(birthrecord.of_finish(self._mark))
        return self._start([b"./finish", *arguments], None, setup, publisher)

    def check(self, publisher: "StatusPublisher") -> int:
        """Start ``check`` as the leader of a session; return its pid.

        Raises:
            OSError: no process can be made.
        """
        setup = self._setup(b"check", publisher, is_leader=True)
        return self._start([b"./check"], None, setup, publisher)

    def _start(
        self,
        argv: list[bytes],
        environ: list[bytes] | None,
        setup: ChildSetup,
        publisher: "StatusPublisher",
    ) -> int:
        pid = start(argv[:1], argv, self.setup.environ if environ is None else environ, setup)
        if setup.late:
            publisher.wait_for(setup.late, publishes=setup.pid_file is not None)
        return pid

    def _setup(self, program: bytes, publisher: "StatusPublisher", *, is_leader: bool = False) -> ChildSetup:
        setup, directory = self.setup, self._directory
        return ChildSetup(
            directory=directory.fd,
            input=setup.input,
            output=setup.output,
            complaint=b"supervise: fatal: unable to start %s/%s: " % (directory.name, program),
            open_files=setup.open_files,
            kept=None if setup.inherited is None else [*setup.inherited, directory.lock],
            is_leader=is_leader,
            patience=publisher.patience,
        )

    def _birth_line(self, mark: bytes) -> PidLine | None:
        """Return what the child writes into ``supervise/birth``; None where it cannot."""
        birth, head = self._directory.birth, birthrecord.head(mark)
        if birth < 0 or not head:
            return None
        os.lseek(birth, 0, os.SEEK_SET)
        return PidLine(birth, head)
