"""A host for any number of supervisors in one process, and for what else their owner waits for.

Nothing is looked at that is not ready: control fifos and the descriptors of
processes taken over are in one epoll set, ends of children come by pid, and
rests and timers wait in one heap.  A supervisor that rests is deaf: what comes
meanwhile is left where it is.
"""

import select
from _signal import SIGCHLD
from heapq import heappop, heappush
from time import monotonic

from ucspi.unix.signals import Wakeup, catch, note, unblock
from ucspi.unix.start import ended
from ucspi.unix.stderr import say_soon

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.service.supervisor import Supervisor


class _Watch:
    """What is called when a descriptor is ready; each time one is watched, another."""

    __slots__ = ("call",)

    def __init__(self, call: "Callable[[], object]") -> None:
        self.call = call


class _Hosted:
    """A supervisor, and what the loop knows of it."""

    __slots__ = ("is_muted", "is_resting", "left", "pid", "process", "supervisor")

    def __init__(self, supervisor: "Supervisor", left: "Callable[[], object]") -> None:
        self.supervisor, self.left = supervisor, left
        self.pid, self.process = 0, -1
        self.is_resting = self.is_muted = False


class Loop:
    """Waits for everybody; one in a process, in its main thread, because of SIGCHLD."""

    def __init__(self) -> None:
        """Catch SIGCHLD."""
        self._wakeup = Wakeup()
        note(SIGCHLD)
        unblock(SIGCHLD)
        self._poll = select.epoll()
        self._poll.register(self._wakeup.fileno(), select.EPOLLIN)
        self._ready: dict[int, _Watch] = {self._wakeup.fileno(): _Watch(self._notice)}
        self._signals: dict[int, Callable[[], object]] = {}
        self._caught: set[int] = set()
        self._children: dict[int, Callable[[], object]] = {}
        self._timers: list[tuple[float, int, Callable[[], object]]] = []
        self._count = 0
        self._hosted: dict[Supervisor, _Hosted] = {}
        self._is_stopping = False

    def add(self, supervisor: "Supervisor", left: "Callable[[], object]" = lambda: None) -> None:
        """Host a supervisor from now on.

        Args:
            supervisor: closed by the loop when it has left, and all that it says is published.
            left: called then.

        Raises:
            OSError: it cannot be watched, and is not hosted.
        """
        hosted = _Hosted(supervisor, left)
        self.watch(supervisor.directory.control, lambda: self._hear(hosted))
        self._hosted[supervisor] = hosted
        self._resume(hosted)

    def remove(self, supervisor: "Supervisor") -> None:
        """Stop hosting a supervisor, and close it; its process goes on."""
        self._unhost(supervisor)
        supervisor.close()

    def _unhost(self, supervisor: "Supervisor") -> None:
        hosted = self._hosted.pop(supervisor)
        self._unwatch_process(hosted)
        self.unwatch(supervisor.directory.control)

    def is_hosting(self, supervisor: "Supervisor") -> bool:
        """Say whether it has been added, and neither left nor been removed."""
        return supervisor in self._hosted

    def hosts(self) -> int:
        """Return how many supervisors there are."""
        return len(self._hosted)

    def after(self, seconds: float, call: "Callable[[], object]") -> None:
        """Call a function once, in so many seconds of the steady clock."""
        self._count += 1  # equal times in the order given; functions cannot be compared
        heappush(self._timers, (monotonic() + seconds, self._count, call))

    def watch(self, fd: int, call: "Callable[[], object]") -> None:
        """Call a function whenever a descriptor is readable."""
        self._poll.register(fd, select.EPOLLIN)
        self._ready[fd] = _Watch(call)

    def unwatch(self, fd: int) -> None:
        """Watch a descriptor no more; to be called before it is closed."""
        if self._ready.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def expect(self, pid: int, call: "Callable[[], object]") -> None:
        """Call a function once, when a child has ended and been reaped."""
        self._children[pid] = call

    def on(self, number: int, call: "Callable[[], object]") -> None:
        """Catch a signal, and call a function in a turn of the loop when it has come, once or more often."""
        self._signals[number] = call
        # The wake-up pipe may be full: it wakes, and tells nothing.
        catch(number, lambda number, frame: self._caught.add(number))
        unblock(number)

    def tell(self, supervisor: "Supervisor", letters: str) -> None:
        """Have a supervisor obey control bytes now, even if it rests; see `Supervisor.obey`."""
        hosted = self._hosted[supervisor]
        hosted.is_resting = False
        supervisor.obey(letters)
        self._unmute(hosted)
        self._go_on(hosted)

    def wake(self, supervisor: "Supervisor") -> None:
        """Cut the rest of a supervisor short."""
        hosted = self._hosted[supervisor]
        if hosted.is_resting:
            self._wake(hosted)

    def stop(self) -> None:
        """Let `run` return after what it is at."""
        self._is_stopping = True

    def run(self) -> None:
        """Wait and serve, until no supervisor and no timer is left, or `stop` is called."""
        while (self._hosted or self._timers) and not self._is_stopping:
            # Whose event it is, before anybody acts: an earlier call of this round may end
            # a watch, and have its descriptor closed and its number used again.
            for fd, watch in [(fd, self._ready.get(fd)) for fd, _ in self._poll.poll(self._patience())]:
                if watch is not None and self._ready.get(fd) is watch:
                    watch.call()
            self._ring()

    def _patience(self) -> float:
        """Return how many seconds to wait at most."""
        return max(0.0, self._timers[0][0] - monotonic()) if self._timers else -1

    def _ring(self) -> None:
        """Call what is due."""
        now = monotonic()
        while self._timers and self._timers[0][0] <= now:
            heappop(self._timers)[2]()

    def _notice(self) -> None:
        """Signals have come."""
        self._wakeup.clear()
        for pid in ended():
            call = self._children.pop(pid, None)
            if call is not None:
                call()
        while self._caught:
            self._signals[self._caught.pop()]()

    def _hear(self, hosted: _Hosted) -> None:
        """A control byte is there."""
        if not hosted.is_resting:
            self._resume(hosted)
        else:
            # Most rest without being spoken to; those that are go out of the
            # set until the rest is over, or it would never be empty.
            hosted.is_muted = True
            self._poll.modify(hosted.supervisor.directory.control, 0)

    def _end(self, hosted: _Hosted) -> None:
        """Its process has ended."""
        hosted.supervisor.has_ended = True
        self._unwatch_process(hosted)
        if not hosted.is_resting:
            self._resume(hosted)

    def _wake(self, hosted: _Hosted) -> None:
        """Its rest is over."""
        if self._hosted.get(hosted.supervisor) is not hosted:
            return  # removed meanwhile
        hosted.is_resting = False
        self._unmute(hosted)
        self._go_on(hosted)

    def _unmute(self, hosted: _Hosted) -> None:
        if hosted.is_muted:
            hosted.is_muted = False
            self._poll.modify(hosted.supervisor.directory.control, select.EPOLLIN)

    def _go_on(self, hosted: _Hosted) -> None:
        self._resume(hosted)
        if not hosted.is_resting and not hosted.supervisor.has_left:
            self._resume(hosted)  # one more turn: a failed start is tried again, an end seen to

    def _resume(self, hosted: _Hosted) -> None:
        try:
            rest = hosted.supervisor.resume()
            self._watch_process(hosted)
        except Exception as error:
            # What nobody thought of, in one service, must not end all others.
            # Its process goes on, and the next supervisor takes it over.
            say_soon(b"supervise: fatal: giving up %s: %a" % (hosted.supervisor.name, error))
            hosted.supervisor.has_left, rest = True, 0.0
        if rest:
            hosted.is_resting = True
            self.after(rest, lambda: self._wake(hosted))
        elif hosted.supervisor.has_left:
            self._unhost(hosted.supervisor)
            hosted.supervisor.retire(hosted.left)

    def _watch_process(self, hosted: _Hosted) -> None:
        """Wait for the end of a process that is new."""
        supervisor = hosted.supervisor
        if supervisor.has_ended or supervisor.pid == hosted.pid:
            return
        self._unwatch_process(hosted)
        hosted.pid, hosted.process = supervisor.pid, supervisor.process
        if hosted.process >= 0:
            self.watch(hosted.process, lambda: self._end(hosted))
        elif hosted.pid:
            self.expect(hosted.pid, lambda: self._end(hosted))

    def _unwatch_process(self, hosted: _Hosted) -> None:
        if hosted.process >= 0:
            self.unwatch(hosted.process)
        else:
            self._children.pop(hosted.pid, None)
        hosted.pid, hosted.process = 0, -1
