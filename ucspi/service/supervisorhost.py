"""Hosting supervisors: any number of them in one event loop.

A supervisor that rests does not read its control fifo, so bytes that come
meanwhile stay there.
"""

from ucspi.unix.output import say_soon

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.service.eventloop import EventLoop
    from ucspi.service.supervisor import Supervisor


class _Hosted:
    """A supervisor, and what its host knows of it.

    Attributes:
        supervisor: itself.
        left: called when it has left.
        pid: of the process whose end is watched for; 0: none.
        process: the descriptor by which that is done; -1: it is our child.
        is_resting: it is not resumed before its rest is over.
        is_waiting: its rest is over when it asks for that.
        rests: how many rests it has had; the timer of an earlier one does not end the present one.
        is_muted: its control fifo is not watched, since it rests and a byte has come.
    """

    __slots__ = ("is_muted", "is_resting", "is_waiting", "left", "pid", "process", "rests", "supervisor")

    def __init__(self, supervisor: "Supervisor", left: "Callable[[], object]") -> None:
        self.supervisor, self.left = supervisor, left
        self.pid, self.process, self.rests = 0, -1, 0
        self.is_resting = self.is_muted = self.is_waiting = False


class SupervisorHost:
    """Resumes supervisors whenever there is something to do for them; the loop runs as long as it has any."""

    __slots__ = ("_hosted", "_loop")

    def __init__(self, loop: "EventLoop") -> None:
        """Host nobody yet."""
        self._loop = loop
        self._hosted: dict[Supervisor, _Hosted] = {}

    def add(self, supervisor: "Supervisor", left: "Callable[[], object]" = lambda: None) -> None:
        """Host a supervisor from now on.

        Args:
            supervisor: it is closed here when it has left and all of its status is published.
            left: called then.

        Raises:
            OSError: it cannot be watched, and is not hosted.
        """
        hosted = _Hosted(supervisor, left)
        supervisor.attend(self._loop, lambda: self._nudge(hosted))
        self._loop.on_readable(supervisor.directory.control, lambda: self._hear(hosted), is_needed=True)
        self._hosted[supervisor] = hosted
        self._resume(hosted)

    def remove(self, supervisor: "Supervisor") -> None:
        """Stop hosting a supervisor, and close it; its process goes on."""
        self._unhost(supervisor)
        supervisor.close()

    def _unhost(self, supervisor: "Supervisor") -> None:
        hosted = self._hosted.pop(supervisor)
        self._unwatch_process(hosted)
        self._loop.stop_watching(supervisor.directory.control)

    def supervisors(self) -> "list[Supervisor]":
        """Return all supervisors that are hosted."""
        return list(self._hosted)

    def is_hosting(self, supervisor: "Supervisor") -> bool:
        """Return whether a supervisor was added, and has neither left nor been removed."""
        return supervisor in self._hosted

    def tell(self, supervisor: "Supervisor", letters: str) -> None:
        """Have a supervisor obey control bytes now, even if it rests; see `Supervisor.obey`."""
        hosted = self._hosted[supervisor]
        hosted.is_resting = False
        supervisor.obey(letters)
        self._unmute(hosted)
        self._go_on(hosted)

    def wake(self, supervisor: "Supervisor") -> None:
        """End the rest of a supervisor early."""
        hosted = self._hosted[supervisor]
        if hosted.is_resting:
            self._wake(hosted, hosted.rests)

    def _hear(self, hosted: _Hosted) -> None:
        """Resume a supervisor to which a control byte has come, unless it rests."""
        if not hosted.is_resting:
            self._resume(hosted)
        else:
            # The fifo stays readable until the rest is over, and would wake the loop all the time.
            hosted.is_muted = True
            self._loop.mute(hosted.supervisor.directory.control)

    def _nudge(self, hosted: _Hosted) -> None:
        """Resume a supervisor that asks for it, unless it has asked for a rest until a certain time."""
        if self._hosted.get(hosted.supervisor) is hosted and (hosted.is_waiting or not hosted.is_resting):
            self._wake(hosted, hosted.rests)

    def _end(self, hosted: _Hosted, status: int | None) -> None:
        """Note that the process of a supervisor has ended, and its wait status if that is known."""
        hosted.supervisor.note_end(status)
        self._unwatch_process(hosted)
        if not hosted.is_resting:
            self._resume(hosted)

    def _wake(self, hosted: _Hosted, rest: int) -> None:
        """Go on after a rest."""
        if self._hosted.get(hosted.supervisor) is not hosted or rest != hosted.rests:
            return  # it was removed meanwhile, or woken before
        hosted.is_resting = False
        self._unmute(hosted)
        self._go_on(hosted)

    def _unmute(self, hosted: _Hosted) -> None:
        if hosted.is_muted:
            hosted.is_muted = False
            self._loop.unmute(hosted.supervisor.directory.control)

    def _go_on(self, hosted: _Hosted) -> None:
        self._resume(hosted)
        if not hosted.is_resting and not hosted.supervisor.has_left:
            self._resume(hosted)  # one more turn: a failed start is tried again, an end is acted on

    def _resume(self, hosted: _Hosted) -> None:
        try:
            rest = hosted.supervisor.resume()
            self._watch_process(hosted)
        except Exception as error:
            # An unforeseen error in one service must not end all others.  The process
            # of the service goes on, and the next supervisor takes it over.
            say_soon(b"supervise: fatal: giving up %s: %a" % (hosted.supervisor.name, error))
            hosted.supervisor.has_left, rest = True, 0.0
        if rest:
            hosted.is_resting, hosted.is_waiting = True, rest < 0
            hosted.rests = number = hosted.rests + 1
            if rest > 0:
                self._loop.after(rest, lambda: self._wake(hosted, number))
        elif hosted.supervisor.has_left:
            self._unhost(hosted.supervisor)
            hosted.supervisor.retire(hosted.left)

    def _watch_process(self, hosted: _Hosted) -> None:
        """Wait for the end of a supervisor's process, if that is a new one."""
        supervisor = hosted.supervisor
        if supervisor.has_ended or supervisor.pid == hosted.pid:
            return
        self._unwatch_process(hosted)
        hosted.pid, hosted.process = supervisor.pid, supervisor.process
        if hosted.process >= 0:
            self._loop.on_readable(hosted.process, lambda: self._end(hosted, None))
        elif hosted.pid:
            self._loop.on_child_end(hosted.pid, lambda status: self._end(hosted, status))

    def _unwatch_process(self, hosted: _Hosted) -> None:
        if hosted.process >= 0:
            self._loop.stop_watching(hosted.process)
        else:
            self._loop.forget_child(hosted.pid)
        hosted.pid, hosted.process = 0, -1
