"""How a service tells that it is ready: by a descriptor, by ``$NOTIFY_SOCKET``, or by ``check``.

- ``notification-fd``: ``run`` gets the writing end of a pipe as that descriptor.  A
  newline means ready; the pipe is closed then.
- ``flag-notify-socket``: ``READY=1`` and ``STOPPING=1``, see `ucspi.service.notifysocket`.
- ``check``: run once a second until it exits 0, where there is no ``notification-fd``.

Everything here is called by the event loop, and never waits.

Source: skarnet.org/software/s6/notifywhenup.html; sd_notify(3); sv(8).
"""

import os
from time import monotonic

from ucspi.service.groupend import send
from ucspi.service.notifysocket import NotifySocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from ucspi.service.eventloop import EventLoop
    from ucspi.service.wishes import Wishes

    Tell = Callable[[bool], object]
    StartCheck = Callable[[], int]

CHECK_EVERY: "Final" = 1.0  # seconds
CHECK_TIME: "Final" = 10.0  # seconds for one check
_READ = 4096  # bytes in one turn
_KILL = 9


class Readiness:
    """Listens to one service.

    Attributes:
        socket: where it tells; None: nowhere.
    """

    __slots__ = ("_check", "_leader", "_leads", "_loop", "_pipe", "_run", "_start_check", "_tell", "socket")

    def __init__(self, loop: "EventLoop", tell: "Tell", start_check: "StartCheck") -> None:
        """Listen to nothing yet.

        Args:
            loop: calls us.
            tell: called with True when the service is ready, and with False when it is stopping.
            start_check: starts ``check`` as the leader of a session, and returns its pid or
                raises an OSError.
        """
        self._loop, self._tell, self._start_check = loop, tell, start_check
        self.socket: NotifySocket | None = None
        self._pipe = -1
        self._run = 0  # how many runs there were; what belongs to an earlier one counts no more
        self._leader, self._leads = 0, False
        self._check = 0  # the pid of a check that runs

    def take_socket(self, socket: NotifySocket) -> None:
        """Listen on a socket until `close`."""
        self.socket = socket
        self._loop.on_readable(socket.fileno(), self._hear_socket)

    def open_pipe(self) -> int:
        """Return the writing end of a new pipe, for the service; the caller closes it.

        Raises:
            OSError: there is no descriptor left.
        """
        self.end()
        self._pipe, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(writer, True)
        return writer

    def begin(self, wishes: "Wishes", leader: int) -> None:
        """Listen to a run that has begun.

        Args:
            wishes: of the service.
            leader: the pid of ``run``.
        """
        self._run += 1
        self._leader, self._leads = leader, wishes.has_session
        if self._pipe >= 0:
            self._loop.on_readable(self._pipe, self._hear_pipe)
        if wishes.check and wishes.notification < 0:
            self._begin_check(self._run)

    def end(self) -> None:
        """Listen to the run no more."""
        self._run += 1
        self._leader = 0
        self._close_pipe()
        if self._check:
            send(self._check, _KILL)

    def close(self) -> None:
        """Close everything."""
        self.end()
        if self.socket is not None:
            self._loop.stop_watching(self.socket.fileno())
            self.socket.close()
            self.socket = None

    def _close_pipe(self) -> None:
        if self._pipe >= 0:
            self._loop.stop_watching(self._pipe)
            os.close(self._pipe)
            self._pipe = -1

    def _hear_pipe(self) -> None:
        try:
            text = os.read(self._pipe, _READ)
        except BlockingIOError:
            return
        except OSError:
            text = b""
        is_ready = b"\n" in text
        if is_ready or not text:
            self._close_pipe()
        if is_ready:
            self._tell(True)

    def _hear_socket(self) -> None:
        assert self.socket is not None
        for line in self.socket.states(self._leader, is_leader=self._leads):
            if line in (b"READY=1", b"STOPPING=1"):
                self._tell(line == b"READY=1")

    def _begin_check(self, run: int) -> None:
        if run != self._run:
            return
        begun = monotonic()
        try:
            self._check = check = self._start_check()
        except OSError:
            self._loop.after(CHECK_EVERY, lambda: self._begin_check(run))
            return
        self._loop.on_child_end(check, lambda status: self._end_check(check, run, begun, status))
        self._loop.after(CHECK_TIME, lambda: self._limit_check(check))

    def _limit_check(self, check: int) -> None:
        if self._check == check:
            send(check, _KILL)

    def _end_check(self, check: int, run: int, begun: float, status: int) -> None:
        if self._check == check:
            self._check = 0
        if run != self._run:
            return
        if status == 0:
            self._tell(True)
        else:
            wait = max(0.0, begun + CHECK_EVERY - monotonic())
            self._loop.after(wait, lambda: self._begin_check(run))
