"""An event loop: descriptors, signals, ends of children and timers, in one thread.

Descriptors are in one epoll set, timers in one heap, and children are found by
their pid.  So each turn looks only at what is ready, however much is watched.
"""

import select
from _signal import SIGCHLD
from heapq import heappop, heappush
from time import monotonic

from ucspi.unix.signals import Wakeup, catch, note, unblock
from ucspi.unix.start import reaped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class _Watch:
    """The call for one watched descriptor; each watch is an object of its own, even for the same number."""

    __slots__ = ("call",)

    def __init__(self, call: "Callable[[], object]") -> None:
        self.call = call


class EventLoop:
    """Calls functions when something is ready; one in a process, in its main thread, because of SIGCHLD."""

    def __init__(self) -> None:
        """Catch SIGCHLD."""
        self._wakeup = Wakeup()
        note(SIGCHLD)
        unblock(SIGCHLD)
        self._poll = select.epoll()
        self._poll.register(self._wakeup.fileno(), select.EPOLLIN)
        self._watches: dict[int, _Watch] = {self._wakeup.fileno(): _Watch(self._notice_signals)}
        self._needed: set[int] = set()  # descriptors for which `run` goes on
        self._signals: dict[int, Callable[[], object]] = {}
        self._caught: set[int] = set()
        self._children: dict[int, Callable[[int], object]] = {}
        self._timers: list[tuple[float, int, Callable[[], object]]] = []
        self._count = 0
        self._is_stopping = False

    def after(self, seconds: float, call: "Callable[[], object]") -> None:
        """Call a function once, after so many seconds of the steady clock."""
        self._count += 1  # equal times in the order given; functions cannot be compared
        heappush(self._timers, (monotonic() + seconds, self._count, call))

    def on_readable(self, fd: int, call: "Callable[[], object]", *, is_needed: bool = False) -> None:
        """Call a function whenever a descriptor is readable.

        Args:
            fd: the descriptor.
            call: what is called.
            is_needed: `run` does not return while this is watched.

        Raises:
            OSError: the descriptor cannot be watched.
        """
        self._poll.register(fd, select.EPOLLIN)
        self._watches[fd] = _Watch(call)
        if is_needed:
            self._needed.add(fd)

    def mute(self, fd: int) -> None:
        """Ignore a watched descriptor for a while."""
        self._poll.modify(fd, 0)

    def unmute(self, fd: int) -> None:
        """Watch a muted descriptor again."""
        self._poll.modify(fd, select.EPOLLIN)

    def stop_watching(self, fd: int) -> None:
        """Watch a descriptor no more; call it before the descriptor is closed."""
        self._needed.discard(fd)
        if self._watches.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def on_child_end(self, pid: int, call: "Callable[[int], object]") -> None:
        """Call a function once, when a child has ended and has been reaped, with its wait status."""
        self._children[pid] = call

    def forget_child(self, pid: int) -> None:
        """Call nothing when a child ends; it is reaped all the same."""
        self._children.pop(pid, None)

    def on_signal(self, number: int, call: "Callable[[], object]") -> None:
        """Catch a signal; call a function once in a turn of the loop, however often the signal has come."""
        self._signals[number] = call
        # The wake-up pipe may be full, so it only wakes us; which signals came is noted here.
        catch(number, lambda number, frame: self._caught.add(number))
        unblock(number)

    def stop(self) -> None:
        """Let `run` return after the current turn."""
        self._is_stopping = True

    def run(self) -> None:
        """Wait and call, until no timer and no needed descriptor is left, or `stop` is called."""
        self._notice_signals()  # a child may have ended before SIGCHLD was caught
        while (self._needed or self._timers) and not self._is_stopping:
            # The watches of this turn are looked up before any is called: a call may end
            # another watch, close its descriptor, and have the number used again.
            for fd, watch in [(fd, self._watches.get(fd)) for fd, _ in self._poll.poll(self._patience())]:
                if watch is not None and self._watches.get(fd) is watch:
                    watch.call()
            self._call_timers()

    def _patience(self) -> float:
        """Return how many seconds to wait at most."""
        return max(0.0, self._timers[0][0] - monotonic()) if self._timers else -1

    def _call_timers(self) -> None:
        now = monotonic()
        while self._timers and self._timers[0][0] <= now:
            heappop(self._timers)[2]()

    def _notice_signals(self) -> None:
        self._wakeup.clear()
        for pid, status in reaped():
            call = self._children.pop(pid, None)
            if call is not None:
                call(status)
        while self._caught:
            self._signals[self._caught.pop()]()
