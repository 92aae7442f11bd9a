"""What a supervisor does when something happens: a table, and nothing else.

The state of a service is a number made of the flags below.  The service is up
or down (`UP`).  It is wanted up (`WANT_UP`), wanted down (`WANT_DOWN`) or, with
neither flag, wanted once.  It may be paused, and its supervisor may be leaving.

A service with optional files (`ucspi.service.optionalfiles`) has more states: it may
have told that it is ready; after its end ``finish`` may run (`FINISHING`); the next
start may be due later (`DUE`); it may have failed for good (`FAILED`); its last run
may have been wanted once, and be over (`DONE`); and it may wait for a client before it is
started (`AWAITING`).

An event is a control byte or one of the words below.  For each event, the first
of `ROWS` that fits the state counts: it says how the state changes and what is
done, in order.

Nothing here waits or knows a process.  The caller tries `START`, and reports the
result as the next event: `STARTED_AND_PUBLISHED`, `STARTED`, `UNSTARTED`, `DELAYED`,
`UNOPENED` or `AWAITS`.
After the end of the process, the caller first tries to run ``finish``; which of
`ENDED`, `FINISH_STARTED` and `GIVEN_UP` is the event depends on that.

Source: observed from daemontools 0.76 as Debian has it, which tries again
after a failed fork.  It also publishes that a service is down before it starts
it again; here that is published only if no process can be started.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

UP: "Final" = 1  # a process runs, or its end has not been acted on yet
PAUSED: "Final" = 2
LEAVING: "Final" = 4
WANT_UP: "Final" = 8
WANT_DOWN: "Final" = 16
WANT: "Final" = WANT_UP | WANT_DOWN
READY: "Final" = 32  # it has told so; only what is up is ready
FINISHING: "Final" = 64  # ``finish`` runs; the service is down
DUE: "Final" = 128  # a start is due: when ``finish`` has ended, or when the pause is over
FAILED: "Final" = 256  # for good; it is not wanted up
DONE: "Final" = 512  # it has ended while it was wanted once
AWAITING: "Final" = 1024  # it is wanted up, and is started at the first client

FLAGS = {
    UP: "up",
    FINISHING: "finishing",
    READY: "ready",
    PAUSED: "paused",
    LEAVING: "leaving",
    WANT_UP: "want up",
    WANT_DOWN: "want down",
    DUE: "start due",
    FAILED: "failed",
    DONE: "done",
    AWAITING: "awaiting client",
}

# Events that are not control bytes.
OPENED: "Final" = "opened"  # the supervisor has opened all its files
FIRST_TRY_OVER: "Final" = "first try over"  # the first attempt to start the service is over
STARTED: "Final" = "started"
STARTED_AND_PUBLISHED: "Final" = "started and published"  # the new process itself has published it
UNSTARTED: "Final" = "not started"  # no process could be made
WOKEN: "Final" = "woken"  # something woke the supervisor
DELAYED: "Final" = "delayed"  # nothing was started, for a pause is due
UNOPENED: "Final" = "sockets not open"  # nothing was started, for want of its listening sockets
AWAITS: "Final" = "no client yet"  # nothing was started, until a client comes
CLIENT: "Final" = "client came"
PAUSE_OVER: "Final" = "pause over"
ENDED: "Final" = "ended"  # the process, and there is no ``finish`` to run
FINISH_STARTED: "Final" = "ended, finish runs"
FINISHED: "Final" = "finish ended"
GIVEN_UP: "Final" = "failed for good"  # the process or ``finish`` has ended, and said so
TIME_OVER: "Final" = "timeout-kill over"
TOLD_READY: "Final" = "told ready"
TOLD_STOPPING: "Final" = "told stopping"
OTHER: "Final" = "other byte"

# Actions.  Signals go to the process alone, never to its group.
START: "Final" = "start"
STAMP: "Final" = "stamp"  # the time of the status becomes now
PUBLISH: "Final" = "publish"  # the status
WARN: "Final" = "warn"
REST: "Final" = "rest 1 s"  # meanwhile neither control bytes nor the end of the process are acted on
LONG_REST: "Final" = "rest 60 s"
PAUSE: "Final" = "pause"  # until `PAUSE_OVER`
WATCH: "Final" = "watch sockets"  # until `CLIENT`
STAMP_READY: "Final" = "stamp ready"  # the time since when it is ready becomes now
DOWN: "Final" = "down signal"  # SIGTERM, if no file names another
LIMIT: "Final" = "timeout-kill begins"  # until `TIME_OVER`
DESTROY: "Final" = "kill"  # SIGKILL to the process, or to its group if a file asks for that
LEAVE: "Final" = "leave"
SIGNALS = {  # actions that send a signal, and its name
    "TERM": "SIGTERM",
    "CONT": "SIGCONT",
    "STOP": "SIGSTOP",
    "HUP": "SIGHUP",
    "ALRM": "SIGALRM",
    "INT": "SIGINT",
    "KILL": "SIGKILL",
    "QUIT": "SIGQUIT",
    "USR1": "SIGUSR1",
    "USR2": "SIGUSR2",
    "WINCH": "SIGWINCH",
    "ABRT": "SIGABRT",
}


class Row:
    """One row: for an event, in states that have all flags of ``given`` and none of ``absent``."""

    __slots__ = ("absent", "actions", "clear", "event", "given", "set")

    def __init__(
        self,
        event: str,
        given: int = 0,
        absent: int = 0,
        *,
        clear: int = 0,
        set: int = 0,  # noqa: A002 - the best word for it
        actions: tuple[str, ...] = (),
    ) -> None:
        """Take the event, the flags that must and must not be set, those that change, and what is done."""
        self.event, self.given, self.absent = event, given, absent
        self.clear, self.set, self.actions = clear, set, actions

    def fits(self, state: int) -> bool:
        """Return whether this row is for a state."""
        return state & self.given == self.given and not state & self.absent


ROWS = (
    Row(OPENED, WANT_UP, UP | FINISHING | DUE | AWAITING, actions=(START,)),
    Row(OPENED),
    Row(FIRST_TRY_OVER, actions=(PUBLISH,)),
    Row(STARTED, clear=PAUSED, set=UP, actions=(STAMP, PUBLISH, REST)),
    Row(STARTED_AND_PUBLISHED, clear=PAUSED, set=UP, actions=(REST,)),
    Row(UNSTARTED, actions=(PUBLISH, WARN, LONG_REST)),
    Row(DELAYED, set=DUE, actions=(PUBLISH, PAUSE)),
    Row(UNOPENED, WANT_UP, set=DUE, actions=(PUBLISH, PAUSE)),
    Row(UNOPENED, actions=(PUBLISH,)),
    Row(AWAITS, set=AWAITING, actions=(PUBLISH, WATCH)),
    Row(CLIENT, AWAITING, clear=AWAITING, actions=(START,)),
    Row(CLIENT),
    Row(PAUSE_OVER, DUE, FINISHING, clear=DUE, actions=(START,)),
    Row(PAUSE_OVER),
    # What could not be started is tried again.
    Row(WOKEN, WANT_UP, UP | FINISHING | DUE | AWAITING, actions=(START,)),
    Row(WOKEN),
    Row(ENDED, UP | LEAVING, WANT, clear=UP | READY, set=DONE, actions=(STAMP, PUBLISH, PUBLISH, LEAVE)),
    Row(ENDED, UP | LEAVING, clear=UP | READY, actions=(STAMP, PUBLISH, PUBLISH, LEAVE)),
    Row(ENDED, UP | WANT_UP, clear=UP | READY, actions=(STAMP, START)),  # its result is published
    Row(ENDED, UP | WANT_DOWN, clear=UP | READY, actions=(STAMP, PUBLISH)),
    Row(ENDED, UP, clear=UP | READY, set=DONE, actions=(STAMP, PUBLISH)),
    Row(ENDED),
    Row(FINISH_STARTED, UP, clear=UP | READY, set=FINISHING, actions=(STAMP, PUBLISH)),
    Row(FINISH_STARTED),
    Row(
        FINISHED,
        FINISHING | LEAVING,
        WANT | DUE,
        clear=FINISHING,
        set=DONE,
        actions=(PUBLISH, PUBLISH, LEAVE),
    ),
    Row(FINISHED, FINISHING | LEAVING, clear=FINISHING | DUE, actions=(PUBLISH, PUBLISH, LEAVE)),
    Row(FINISHED, FINISHING | WANT_UP, clear=FINISHING | DUE, actions=(START,)),
    Row(FINISHED, FINISHING | DUE, clear=FINISHING | DUE, actions=(START,)),
    Row(FINISHED, FINISHING | WANT_DOWN, clear=FINISHING, actions=(PUBLISH,)),
    Row(FINISHED, FINISHING, clear=FINISHING, set=DONE, actions=(PUBLISH,)),
    Row(FINISHED),
    Row(
        GIVEN_UP,
        UP | LEAVING,
        clear=UP | READY | WANT_UP,
        set=FAILED,
        actions=(STAMP, PUBLISH, PUBLISH, LEAVE),
    ),
    Row(GIVEN_UP, UP, clear=UP | READY | WANT_UP, set=FAILED, actions=(STAMP, PUBLISH)),
    Row(
        GIVEN_UP,
        FINISHING | LEAVING,
        clear=FINISHING | DUE | WANT_UP,
        set=FAILED,
        actions=(PUBLISH, PUBLISH, LEAVE),
    ),
    Row(GIVEN_UP, FINISHING, clear=FINISHING | DUE | WANT_UP, set=FAILED, actions=(PUBLISH,)),
    Row(GIVEN_UP),
    Row(TIME_OVER, UP | WANT_DOWN, actions=(DESTROY,)),
    Row(TIME_OVER),
    Row(TOLD_READY, UP, READY, set=READY, actions=(STAMP_READY, PUBLISH)),
    Row(TOLD_READY),
    Row(TOLD_STOPPING, READY, clear=READY, actions=(PUBLISH,)),
    Row(TOLD_STOPPING),
    Row("u", UP, clear=WANT, set=WANT_UP, actions=(PUBLISH,)),
    Row("u", FINISHING, clear=WANT | DUE, set=WANT_UP, actions=(PUBLISH,)),
    Row("u", clear=WANT | DUE | FAILED | DONE | AWAITING, set=WANT_UP, actions=(PUBLISH, START)),
    Row("d", UP, clear=WANT | PAUSED, set=WANT_DOWN, actions=(DOWN, "CONT", PUBLISH, LIMIT)),
    Row("d", clear=WANT | DUE | AWAITING, set=WANT_DOWN, actions=(PUBLISH,)),
    Row("o", UP, clear=WANT, actions=(PUBLISH,)),
    Row("o", FINISHING, clear=WANT, set=DUE, actions=(PUBLISH,)),
    Row("o", clear=WANT | DUE | FAILED | DONE | AWAITING, actions=(PUBLISH, START)),
    Row("x", UP, set=LEAVING, actions=(PUBLISH,)),
    Row("x", FINISHING, set=LEAVING, actions=(PUBLISH,)),
    Row("x", set=LEAVING, actions=(PUBLISH, PUBLISH, LEAVE)),
    Row("p", UP, set=PAUSED, actions=(PUBLISH, "STOP")),
    Row("p", set=PAUSED, actions=(PUBLISH,)),
    Row("c", UP, clear=PAUSED, actions=(PUBLISH, "CONT")),
    Row("c", clear=PAUSED, actions=(PUBLISH,)),
    Row("h", UP, actions=("HUP",)),
    Row("a", UP, actions=("ALRM",)),
    Row("i", UP, actions=("INT",)),
    Row("t", UP, actions=("TERM",)),
    Row("k", UP, actions=("KILL",)),
    Row("q", UP, actions=("QUIT",)),
    Row("1", UP, actions=("USR1",)),
    Row("2", UP, actions=("USR2",)),
    Row("w", UP, actions=("WINCH",)),
    Row("b", UP, actions=("ABRT",)),
    *(Row(letter) for letter in "haitkq12wb"),
    Row(OTHER),
)

_BY_EVENT: dict[str, list[Row]] = {}
for _row in ROWS:
    _BY_EVENT.setdefault(_row.event, []).append(_row)

EVENTS = tuple(_BY_EVENT)


def step(state: int, event: str) -> tuple[int, tuple[str, ...]]:
    """Return the state after an event, and the actions to do then, in order.

    Args:
        state: flags, `UP` and the like.
        event: a control byte as a letter, or one of the words above; a letter
            that means nothing is `OTHER`.
    """
    for row in _BY_EVENT.get(event, _BY_EVENT[OTHER]):
        if row.fits(state):
            return state & ~row.clear | row.set, row.actions
    raise AssertionError(event)  # each event has a row that fits every state
