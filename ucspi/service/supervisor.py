"""One supervisor: keeps a service as it is wanted, by carrying out what `statemachine` says.

A `Supervisor` never sleeps and never waits.  Its host (`supervisorhost`) calls
`resume` when a control byte has come, when `has_ended` was set, or when the rest
that the last call asked for is over.

The steps of a turn are the original's, since the effect of a control byte
depends on them: first the end of the process is acted on, then a failed start is
tried again, then one byte is read.  After each start the supervisor rests for a
second before its next step.  So a service that crashes at once can still be
told to go down between two starts.

If a supervisor of ours was killed, its successor goes on where it stopped.  It
takes over the running process, and what was wanted of it.
"""

import _signal
import os

from ucspi.service import birthrecord, statemachine, statusrecord
from ucspi.service.servicedir import NEW, STATUS, ServiceDirectory
from ucspi.service.statemachine import PAUSED, UP, WANT_DOWN, WANT_UP
from ucspi.service.statuspublisher import DirectPublisher
from ucspi.unix import tai
from ucspi.unix.errtext import describe
from ucspi.unix.output import say_soon
from ucspi.unix.start import ChildSetup, PidFile, PidLine, start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Final

    from ucspi.service.statuspublisher import StatusPublisher

# Seconds; the original's poll waits 20 ms longer than it is told.
REST: "Final" = 1.02
LONG_REST: "Final" = 60.02

_RESTS = {statemachine.REST: REST, statemachine.LONG_REST: LONG_REST}
_SIGNALS = {action: int(getattr(_signal, name)) for action, name in statemachine.SIGNALS.items()}


class ServiceSetup:
    """What all services of one host get when they start; see `ucspi.unix.start.start`."""

    __slots__ = ("environ", "inherited", "input", "open_files", "output")

    def __init__(
        self,
        environ: list[bytes],
        *,
        input: int = -1,  # noqa: A002 - the best word for it
        output: int = -1,
        open_files: int = 0,
        inherited: "list[int] | None" = None,
    ) -> None:
        """Take them.

        Args:
            environ: see `ucspi.unix.start.start`.
            input: see `ucspi.unix.start.ChildSetup`, as for the next two.
            output: see there.
            open_files: see there.
            inherited: descriptors above 2 that the host has inherited and hands on.  None: not
                known; until its exec a service then holds all descriptors of the host.
        """
        self.environ, self.input, self.output, self.open_files = environ, input, output, open_files
        self.inherited = inherited


class Supervisor:
    """Keeps one service as it is wanted.

    Attributes:
        name: of the directory, as it was given.
        pid: of the service's process; 0 if it is down.
        process: a descriptor of that process if it is not our child, else -1.
        has_ended: the host sets it when the process has ended.
        has_left: there is nothing more to do, and `close` is due.
        directory: the files of the service.
        publisher: publishes the status; a host may replace it before the first `resume`.
    """

    __slots__ = (
        "_mark",
        "_setup",
        "_shown",
        "_stamp",
        "_state",
        "_turns",
        "directory",
        "has_ended",
        "has_left",
        "pid",
        "process",
        "publisher",
    )

    def __init__(self, name: bytes, setup: ServiceSetup, parent: int | None = None) -> None:
        """Open the directory and lock it; start nothing yet.

        Args:
            name: the directory's path, also for messages.
            setup: what its process gets.
            parent: a descriptor of the directory that the path is relative to.

        Raises:
            ServiceError: it cannot be supervised; nothing stays open.
        """
        self.pid, self.process = 0, -1
        self.has_ended = self.has_left = False
        self._setup = setup
        self._stamp = tai.now()
        self.directory = ServiceDirectory(name, self._warn, parent)
        self.publisher: StatusPublisher = DirectPublisher(self.directory)
        self._shown = b""
        try:
            self._state = WANT_UP if self.directory.is_normally_up() else WANT_DOWN
            self.directory.acquire()
            self._mark = self.directory.mark()
            self.directory.open_control()
            self._take_over()
            self.directory.open_birth()
            self._publish()
            self.directory.open_ok()
        except BaseException:
            self.close()
            raise
        self._turns = self._run()

    @property
    def name(self) -> bytes:
        """The directory's name, as it was given."""
        return self.directory.name

    def close(self) -> None:
        """Close the directory; a running process goes on."""
        self.directory.close()
        self._close_process()

    def retire(self, then: "Callable[[], object]") -> None:
        """Close the directory when all is published, and call ``then``; a running process goes on."""
        self._close_process()
        self.publisher.close(then)

    def _close_process(self) -> None:
        if self.process >= 0:
            os.close(self.process)
            self.process = -1

    def resume(self) -> float:
        """Do what is to be done now.

        Returns:
            How many seconds to rest; until then it must not be called again.  0:
            call again when a control byte comes or the process has ended.
        """
        return next(self._turns, 0.0)

    def obey(self, letters: str) -> None:
        """Obey control bytes even during a rest; none of them may start the process.

        The host has to call `resume` afterwards, for the supervisor may have left.
        """
        for letter in letters:
            self._state, actions = statemachine.step(self._state, letter)
            for action in actions:
                self._act(action)

    def kill(self) -> None:
        """Kill the process, if there is one."""
        if self.pid:
            self._send(_signal.SIGKILL)

    def _run(self) -> "Iterator[float]":
        yield from self._begin()
        yield from self._do(statemachine.FIRST_TRY_OVER)
        while not self.has_left:
            yield 0.0
            if self.has_ended:
                yield from self._do(statemachine.ENDED)
            if not self.has_left:
                yield from self._do(statemachine.WOKEN)
                letter = self.directory.read_control()
                if letter:
                    yield from self._do(letter)

    def _begin(self) -> "Iterator[float]":
        yield from self._do(statemachine.OPENED)

    def _do(self, event: str) -> "Iterator[float]":
        """Do what the state machine says about an event; yield the seconds to rest."""
        if event == statemachine.ENDED:
            self._forget()
        self._state, actions = statemachine.step(self._state, event)
        for action in actions:
            if action == statemachine.START:
                yield from self._do(self._start())
            elif action in _RESTS:
                yield _RESTS[action]
            else:
                self._act(action)

    def _act(self, action: str) -> None:
        if action in _SIGNALS:
            self._send(_SIGNALS[action])
        elif action == statemachine.STAMP:
            self._stamp = tai.now()
        elif action == statemachine.PUBLISH:
            self._publish()
        elif action == statemachine.LEAVE:
            self.has_left = True

    def _start(self) -> str:
        """Try to start ``./run``; return the result as an event."""
        stamp = tai.now()
        # A new process is not paused, and the child puts its own pid into the record.
        record = statusrecord.Status(stamp, 0, 0, self._want()).pack()
        status = PidFile(record, statusrecord.PID, NEW, STATUS, self.directory.state)
        there = self._child_setup(None if self.publisher.is_behind() else status)
        try:
            self.pid = start([b"./run"], [b"./run"], self._setup.environ, there)
        except OSError as error:
            text = b"unable to fork for %s, sleeping 60 seconds: %s"
            self._warn(text % (self.name, describe(error.errno)))
            return statemachine.UNSTARTED
        if there.late:
            self.publisher.wait_for(there.late, publishes=there.pid_file is not None)
        if not status.is_done:
            return statemachine.STARTED
        self._stamp = stamp
        self._shown = statusrecord.Status(stamp, self.pid, 0, self._want()).pack()
        return statemachine.STARTED_AND_PUBLISHED

    def _child_setup(self, status: PidFile | None) -> ChildSetup:
        setup, directory = self._setup, self.directory
        return ChildSetup(
            directory=directory.fd,
            input=setup.input,
            output=setup.output,
            complaint=b"supervise: fatal: unable to start %s/run: " % self.name,
            open_files=setup.open_files,
            pid_line=self._birth_line(),
            pid_file=status,
            kept=None if setup.inherited is None else [*setup.inherited, directory.lock],
            patience=self.publisher.patience,
        )

    def _birth_line(self) -> PidLine | None:
        """Return what the child writes into ``supervise/birth``; None where it cannot."""
        birth, head = self.directory.birth, birthrecord.head(self._mark)
        if birth < 0 or not head:
            return None
        os.lseek(birth, 0, os.SEEK_SET)
        return PidLine(birth, head)

    def _forget(self) -> None:
        """Forget the process, which has ended: its pid may be given to another."""
        self.pid, self.has_ended = 0, False
        self._close_process()

    def _send(self, number: int) -> None:
        """Signal the process, unless it has ended: another process may have its pid by now."""
        if self.has_ended:
            return
        try:
            if self.process >= 0:
                _signal.pidfd_send_signal(self.process, number)
            else:
                os.kill(self.pid, number)
        except OSError:
            pass  # the original ignores this, too

    def _publish(self) -> None:
        paused = 1 if self._state & PAUSED else 0
        record = statusrecord.Status(self._stamp, self.pid, paused, self._want()).pack()
        shown, self._shown = self._shown, b""
        if record != shown:  # the new process may have published just this
            self.publisher.publish(record)

    def _want(self) -> int:
        """Return what is wanted, as a byte of the status record."""
        if self._state & WANT_UP:
            return statusrecord.WANT_UP
        return statusrecord.WANT_DOWN if self._state & WANT_DOWN else statusrecord.WANT_ONCE

    def _take_over(self) -> None:
        """Take over the process that a killed supervisor of ours left running, if there is one."""
        found = self.directory.find_running()
        if found is None:
            return
        self.pid, self.process = found
        self._state |= UP
        known = statusrecord.unpack(self.directory.read_status())
        if known and known.pid == self.pid:
            self._stamp = known.stamp
            wanted = {statusrecord.WANT_UP: WANT_UP, statusrecord.WANT_DOWN: WANT_DOWN}.get(known.want, 0)
            self._state = UP | wanted | (PAUSED if known.paused else 0)
        self._warn(b"taking over %s, which runs as process %d" % (self.name, self.pid))

    def _warn(self, text: bytes) -> None:
        say_soon(b"supervise: warning: " + text)
