"""What a supervisor does beyond 0.76, for a service with optional files (`ucspi.service.optionalfiles`).

It knows how the last run ended, listens for readiness, sees to time limits and to
the rest of a process group, and runs ``finish``.  What happens then is decided by the
state machine.
"""

import os
from _signal import SIGKILL, SIGTERM

from ucspi.service import deathtally, statemachine, statusrecord
from ucspi.service.groupend import GroupEnd, send
from ucspi.service.handedon import HandedOn
from ucspi.service.keptsockets import KeptSockets
from ucspi.service.notifysocket import NotifySocket
from ucspi.service.readiness import Readiness
from ucspi.service.runhistory import RunHistory
from ucspi.service.statemachine import AWAITING, DONE, FAILED, FINISHING, READY, UP
from ucspi.unix import tai
from ucspi.unix.errtext import describe, explain
from ucspi.unix.output import say_soon

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from ucspi.service.conductedsupervisor import ConductedSupervisor
    from ucspi.service.serviceprocess import ServiceProcesses
    from ucspi.service.wishes import Wishes
    from ucspi.unix.start import PidFile

PERMANENT_FINISH: "Final" = 125  # exit codes that mean failure for good
PERMANENT_RUN: "Final" = 100
RETRY: "Final" = 1.0  # seconds until sockets are tried again
NOTIFY_SOCKET: "Final" = frozenset((b"NOTIFY_SOCKET",))


class Conduct:
    """Does it for one supervisor.

    Attributes:
        history: of its runs.
        sockets: the listening sockets of the service.
    """

    __slots__ = (
        "_complaint",
        "_group",
        "_last_group",
        "_leads",
        "_made",
        "_pause",
        "_processes",
        "_readiness",
        "_ready",
        "_round",
        "_supervisor",
        "_was_terminated",
        "history",
        "sockets",
    )

    def __init__(self, supervisor: "ConductedSupervisor", processes: "ServiceProcesses") -> None:
        """Do nothing yet."""
        self._supervisor, self._processes = supervisor, processes
        self.history = RunHistory()
        self._readiness: Readiness | None = None
        self._made: NotifySocket | None = None  # a socket that nobody listens on yet
        self.sockets = KeptSockets(supervisor)
        self._group: GroupEnd | None = None
        self._last_group = 0  # the number of the group that the last run led
        self._complaint = b""
        self._leads = False  # the process leads a session and a group of its own
        self._ready = statusrecord.NEVER
        self._was_terminated = False
        self._pause = 0.0
        self._round = 0  # timers of an earlier round count no more

    def prepare(self, wishes: "Wishes") -> None:
        """Make what a service asks for on its disk; this may wait, and is done aside."""
        readiness = self._readiness
        if not wishes.has_socket or self._made or (readiness and readiness.socket):
            return
        supervisor = self._supervisor
        try:
            self._made = NotifySocket(supervisor.directory.state)
        except OSError as error:
            complaint = b"unable to make %s/supervise/notify: %s" % (supervisor.name, explain(error))
            if complaint != self._complaint:  # this may happen once a second
                self._complaint = complaint
                _warn(complaint)

    def go_on(self) -> None:
        """Go on with a process that was taken over."""
        supervisor = self._supervisor
        if not supervisor.pid:
            return
        try:
            self._leads = os.getsid(supervisor.pid) == supervisor.pid
        except OSError:
            pass  # it has ended
        if supervisor.is_in(FINISHING):
            self._limit_finish()
        else:
            self._listen()
            if self._readiness and not supervisor.is_in(READY):
                self._readiness.begin(supervisor.wishes, supervisor.pid)

    def take_over(self, details: statusrecord.Details) -> None:
        """Remember what a killed supervisor has published."""
        self.history.code, self.history.signal = details.code, details.signal
        self._ready, self._was_terminated = details.ready, details.was_terminated

    def start(self, status: "PidFile | None") -> int:
        """Start ``run``; return its pid.

        Raises:
            OSError: no process can be made.
        """
        supervisor, wishes = self._supervisor, self._supervisor.wishes
        self._listen()
        given = HandedOn(self._processes.setup.environ)
        try:
            self._hand_on(given)
            pid = self._processes.run(supervisor.publisher, status, given, is_leader=wishes.has_session)
        finally:
            given.close()
        self._leads, self._was_terminated = wishes.has_session, False
        self._round += 1
        self.history.begin()
        if self._readiness:
            self._readiness.begin(wishes, pid)
        return pid

    def _hand_on(self, given: HandedOn) -> None:
        wishes, readiness = self._supervisor.wishes, self._readiness
        if readiness and wishes.notification >= 0:
            given.put_ours(readiness.open_pipe(), wishes.notification)
        if wishes.has_socket and readiness and readiness.socket:
            given.replace(NOTIFY_SOCKET, [readiness.socket.entry])
        self.sockets.hand_on(given)

    def retry(self) -> None:
        """Make the next pause the one before another attempt to open sockets."""
        self._pause = RETRY

    def _listen(self) -> None:
        """Have somebody who listens, if the service can tell that it is ready, and there is a loop."""
        supervisor = self._supervisor
        if self._readiness is None and supervisor.loop and supervisor.wishes.tells_ready:
            self._readiness = Readiness(
                supervisor.loop, self._hear, lambda: self._processes.check(supervisor.publisher)
            )
        if self._readiness and self._made:
            self._readiness.take_socket(self._made)
            self._made = None

    def _hear(self, is_ready: bool) -> None:
        event = statemachine.TOLD_READY if is_ready else statemachine.TOLD_STOPPING
        self._supervisor.happen(event)

    def act(self, action: str) -> None:
        """Do an action that is ours."""
        supervisor = self._supervisor
        if action == statemachine.STAMP_READY:
            self._ready = tai.now()
        elif action == statemachine.LIMIT:
            self._after(supervisor.wishes.kill_time, lambda: supervisor.happen(statemachine.TIME_OVER))
        elif action == statemachine.DESTROY:
            self.destroy()
        elif action == statemachine.WATCH:
            self.sockets.watch(lambda: supervisor.fall_due(statemachine.CLIENT))
        elif action == statemachine.PAUSE:
            self._round += 1
            self._after(self._pause, lambda: supervisor.fall_due(statemachine.PAUSE_OVER))

    def _after(self, seconds: float, call: "Callable[[], object]") -> None:
        """Call a function later, unless another round has begun by then; 0 seconds: never."""
        loop, number = self._supervisor.loop, self._round
        if seconds and loop:
            loop.after(seconds, lambda: call() if number == self._round else None)

    def destroy(self) -> None:
        """Kill the process; its group, if a file asks for that."""
        supervisor = self._supervisor
        if self._group:
            self._group.kill()
        is_ours = supervisor.pid > 0 and supervisor.process < 0 and not supervisor.has_ended
        if is_ours and self._leads and (supervisor.wishes.kills_group or supervisor.is_in(FINISHING)):
            send(supervisor.pid, int(SIGKILL))
        supervisor.send(int(SIGKILL))

    def note_signal(self, number: int) -> bool:
        """Note what was sent to the process; return whether the status says so, and did not before."""
        supervisor = self._supervisor
        if number != SIGTERM or self._was_terminated or not supervisor.is_in(UP):
            return False
        self._was_terminated = True
        return not supervisor.wishes.is_plain

    def note_end(self) -> None:
        """See to the rest of the group, at once: its number may be given away later."""
        supervisor, wishes = self._supervisor, self._supervisor.wishes
        is_run = supervisor.is_in(UP) and self._leads
        if is_run and wishes.kills_group and wishes.kill_time and supervisor.loop:
            self._group = GroupEnd(
                supervisor.loop, supervisor.pid, wishes.down_signal, wishes.kill_time, supervisor.nudge
            )

    def is_group_over(self) -> bool:
        """Return whether nothing is left of the group of the last run."""
        return self._group is None or self._group.is_over

    def end(self, status: int | None) -> "Callable[[], object]":
        """Note how ``run`` ended; return what is to be done aside."""
        supervisor, history = self._supervisor, self.history
        history.end(status)
        self._last_group = supervisor.pid if self._leads else 0
        self._group, self._was_terminated = None, False
        self._round += 1
        self._ready = statusrecord.NEVER
        self.sockets.tend()
        if self._readiness:
            self._readiness.end()
        if status is None:
            return _nothing
        end = deathtally.pack(tai.now(), history.code, history.signal)
        most, folder = supervisor.wishes.deaths, supervisor.directory.state
        return lambda: deathtally.add(
            folder, end, most, lambda why: _warn(b"%s/supervise/%s" % (supervisor.name, why))
        )

    def finish(self) -> str:
        """Start ``finish`` if there is one; return the event that is the result."""
        supervisor, wishes = self._supervisor, self._supervisor.wishes
        if wishes.finish:
            arguments = self.history.arguments(
                supervisor.name, self._last_group, is_like_runit=wishes.is_like_runit
            )
            try:
                supervisor.pid = self._processes.finish(supervisor.publisher, arguments)
            except OSError as error:
                _warn(b"unable to fork for %s/finish: %s" % (supervisor.name, describe(error.errno or 0)))
            else:
                self._leads = True
                self._limit_finish()
                return statemachine.FINISH_STARTED
        return statemachine.GIVEN_UP if self._has_run_failed() else statemachine.ENDED

    def _limit_finish(self) -> None:
        self._after(self._supervisor.wishes.finish_time, self.destroy)

    def has_failed(self, status: int | None) -> bool:
        """Return whether the service has failed for good, by the wait status of ``finish``."""
        self._round += 1
        return self._has_run_failed() or (
            status is not None and os.waitstatus_to_exitcode(status) == PERMANENT_FINISH
        )

    def _has_run_failed(self) -> bool:
        return self._supervisor.wishes.fails_with_100 and self.history.code == PERMANENT_RUN

    def pause(self) -> float:
        """Return how long to pause before the next start."""
        self._pause = self.history.pause(self._supervisor.wishes)
        return self._pause

    def details(self, state: int) -> statusrecord.Details:
        """Return what the status record says beyond 0.76."""
        flags = statusrecord.TELLS_READY if self._supervisor.wishes.tells_ready else 0
        flags |= statusrecord.READY if state & READY else 0
        flags |= statusrecord.FAILED if state & FAILED else 0
        flags |= statusrecord.FINISHING if state & FINISHING else 0
        flags |= statusrecord.DONE if state & DONE else 0
        flags |= statusrecord.AWAITING if state & AWAITING else 0
        phase = statusrecord.FINISH if state & FINISHING else statusrecord.DOWN
        return statusrecord.Details(
            was_terminated=self._was_terminated and state & UP > 0,
            phase=statusrecord.RUN if state & UP else phase,
            flags=flags,
            ready=self._ready if state & READY else statusrecord.NEVER,
            code=self.history.code,
            signal=self.history.signal,
        )

    def close(self) -> None:
        """Listen no more."""
        self._round += 1
        self.sockets.unwatch()
        if self._readiness:
            self._readiness.close()
        if self._made:
            self._made.close()
            self._made = None


def _nothing() -> None:
    pass


def _warn(text: bytes) -> None:
    say_soon(b"supervise: warning: " + text)
