"""A service that a supervisor holds: its directory, its process, and what others are told of both.

What is done when something happens is in `ucspi.service.supervisor`.
"""

import _signal
import os

from ucspi.service import statusrecord
from ucspi.service.optionalfiles import OptionalFiles
from ucspi.service.servicedir import ServiceDirectory
from ucspi.service.serviceprocess import ServiceProcesses, ServiceSetup
from ucspi.service.statemachine import FINISHING, PAUSED, READY, UP, WANT_DOWN, WANT_UP
from ucspi.service.statuspublisher import DirectPublisher
from ucspi.service.wishes import PLAIN, Wishes
from ucspi.unix.output import say_soon

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ucspi.service.conduct import Conduct
    from ucspi.service.eventloop import EventLoop
    from ucspi.service.statuspublisher import StatusPublisher


class HeldService:
    """One service.

    Attributes:
        name: of the directory, as it was given.
        pid: of the service's process, ``run`` or ``finish``; 0 if there is none.
        process: a descriptor of that process if it is not our child, else -1.
        has_ended: the process has ended, which was not acted on yet.
        has_left: there is nothing more to do, and `close` is due.
        directory: the files of the service.
        publisher: publishes the status; a host may replace it before the first `resume`.
        loop: the host's; None without a host.
        wishes: what the optional files asked for when they were looked at last.
        conduct: what is done for a service with such files; None if it never had any.
    """

    __slots__ = (
        "_due",
        "_files",
        "_looked_for",
        "_nudge",
        "_processes",
        "_shown",
        "_stamp",
        "_state",
        "_status",
        "_turns",
        "_waits",
        "conduct",
        "directory",
        "has_ended",
        "has_left",
        "loop",
        "pid",
        "process",
        "publisher",
        "wishes",
    )

    _stamp: bytes  # of the status
    _state: int  # flags of the machine
    _turns: "Iterator[float]"
    _processes: ServiceProcesses
    _files: OptionalFiles

    def _prepare(self, directory: ServiceDirectory) -> None:
        """Begin as a supervisor of a plain service that is down."""
        self.directory = directory
        self.publisher: StatusPublisher = DirectPublisher(directory)
        self.pid, self.process = 0, -1
        self.has_ended = self.has_left = self._waits = self._looked_for = False
        self._status: int | None = None  # the wait status of the process that has ended
        self._shown = b""
        self._due: list[str] = []  # events that wait for their turn
        self.loop: EventLoop | None = None
        self._nudge: Callable[[], object] = _nothing
        self.wishes: Wishes = PLAIN
        self.conduct: Conduct | None = None

    def _equip(self, setup: ServiceSetup) -> None:
        """Take what needs a directory that is locked."""
        self._processes = ServiceProcesses(self.directory, setup)
        self._files = OptionalFiles(
            self.directory.name, self.directory.fd, self._warn, setup.limit, tells_end=setup.tells_end
        )

    @property
    def name(self) -> bytes:
        """The directory's name, as it was given."""
        return self.directory.name

    def close(self) -> None:
        """Close the directory; a running process goes on."""
        self._close_process()
        if self.conduct:
            self.conduct.sockets.close()
        self.directory.close()

    def retire(self, then: "Callable[[], object]") -> None:
        """Close the directory when all is published, and call ``then``; a running process goes on."""
        self._close_process()
        if self.conduct:
            self.publisher.aside(self.conduct.sockets.close, _ignore)
        self.publisher.close(then)

    def _close_process(self) -> None:
        if self.conduct:
            self.conduct.close()
        if self.process >= 0:
            os.close(self.process)
            self.process = -1

    def note_end(self, status: int | None) -> None:
        """Note that the process has ended; call it at once, and `resume` when there is no rest.

        Args:
            status: its wait status; None if that is not known.
        """
        self.has_ended, self._status = True, status
        if self.conduct:
            self.conduct.note_end()

    def kill(self) -> None:
        """Kill the process, if there is one."""
        if self.conduct:
            self.conduct.destroy()
        elif self.pid:
            self.send(_signal.SIGKILL)

    def is_in(self, flags: int) -> bool:
        """Return whether the state has one of some flags of the machine."""
        return self._state & flags > 0

    def _forget(self) -> None:
        """Forget the process, which has ended: its pid may be given to another."""
        self.pid, self.has_ended = 0, False
        if self.process >= 0:
            os.close(self.process)
            self.process = -1

    def send(self, number: int) -> None:
        """Signal the process, unless it has ended: another process may have its pid by now."""
        if self.has_ended or not self.pid:
            return
        try:
            if self.process >= 0:
                _signal.pidfd_send_signal(self.process, number)
            else:
                os.kill(self.pid, number)
        except OSError:
            pass  # the original ignores this, too
        if self.conduct and self.conduct.note_signal(number):
            self._publish()  # runit shows it at once
            self._shown = self._record(self._stamp, self.pid)

    def _publish(self) -> None:
        record = self._record(self._stamp, self.pid)
        shown, self._shown = self._shown, b""
        if record != shown:  # the new process may have published just this
            self.publisher.publish(record)

    def _record(self, stamp: bytes, pid: int, *, is_new: bool = False) -> bytes:
        """Return the status as a record; that of a new process does not depend on the state."""
        paused = 1 if self._state & PAUSED and not is_new and not self.is_in(FINISHING) else 0
        details = None
        if self.conduct and not self.wishes.is_plain:
            details = self.conduct.details(UP if is_new else self._state)
        return statusrecord.Status(stamp, pid, paused, self._want(), details).pack()

    def _want(self) -> int:
        """Return what is wanted, as a byte of the status record."""
        if self._state & WANT_UP:
            return statusrecord.WANT_UP
        return statusrecord.WANT_DOWN if self._state & WANT_DOWN else statusrecord.WANT_ONCE

    def _take_over(self) -> None:
        """Take over the process that a killed supervisor of ours left running, if there is one."""
        found, state = self.directory.find_running(), UP
        if found is None and self.conduct:
            found, state = self.directory.find_finishing(), FINISHING
        if found is None:
            return
        self.pid, self.process = found
        self._state |= state
        known = statusrecord.unpack(self.directory.read_status())
        if known and known.pid == self.pid:
            self._stamp = known.stamp
            wanted = {statusrecord.WANT_UP: WANT_UP, statusrecord.WANT_DOWN: WANT_DOWN}.get(known.want, 0)
            self._state = state | wanted | (PAUSED if known.paused else 0)
            if self.conduct and known.details:
                self.conduct.take_over(known.details)
                self._state |= READY if state == UP and known.is_ready else 0
        what = b"runs" if state == UP else b"finishes"
        self._warn(b"taking over %s, which %s as process %d" % (self.name, what, self.pid))

    def _warn(self, text: bytes) -> None:
        say_soon(b"supervise: warning: " + text)


def _nothing() -> None:
    pass


def _ignore(result: object) -> None:
    pass
