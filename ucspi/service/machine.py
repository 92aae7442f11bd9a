"""What a supervisor does about what happens: a table, and nothing else.

A service is in a state, a number made of the flags below: it is up or down
(`UP`), it is wanted up (`WANT_UP`), wanted down (`WANT_DOWN`) or, with
neither, wanted once; it may be paused, and its supervisor may be leaving.
Something happens: a control byte, or one of the words below.  The first row
of `ROWS` that is about this event and fits the state says how the state
changes and what is done, in order.

Nothing here waits, or knows a process.  `START` is tried by the caller, who
says by `ANNOUNCED`, `STARTED` or `UNSTARTED` how it went before it goes on.

Source: observed from daemontools 0.76 as Debian has it, which tries again
after it could not fork.  It also publishes that a service is down before it
starts it again; here that is published only if there can be no process.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

UP: "Final" = 1  # there is a process, or one that ended and was not seen to yet
PAUSED: "Final" = 2
LEAVING: "Final" = 4
WANT_UP: "Final" = 8
WANT_DOWN: "Final" = 16
WANT: "Final" = WANT_UP | WANT_DOWN

FLAGS = {UP: "up", PAUSED: "paused", LEAVING: "leaving", WANT_UP: "want up", WANT_DOWN: "want down"}

# Events that are no control byte.
BEGUN: "Final" = "begun"  # everything is open
ENTERED: "Final" = "entered"  # the first start is over
STARTED: "Final" = "started"
ANNOUNCED: "Final" = "announced"  # started, and the new process itself has published it
UNSTARTED: "Final" = "not started"  # there could be no process
TURN: "Final" = "turn"  # something woke the supervisor
ENDED: "Final" = "ended"  # the process
OTHER: "Final" = "other byte"

# Actions.  Signals go to the process alone, never to its group.
START: "Final" = "start"
STAMP: "Final" = "stamp"  # the time of the status becomes now
PUBLISH: "Final" = "publish"  # the status
WARN: "Final" = "warn"
REST: "Final" = "rest 1 s"  # deaf to control bytes and to the end of the process
LONG_REST: "Final" = "rest 60 s"
LEAVE: "Final" = "leave"
SIGNALS = {  # an action that is a signal, and its name
    "TERM": "SIGTERM",
    "CONT": "SIGCONT",
    "STOP": "SIGSTOP",
    "HUP": "SIGHUP",
    "ALRM": "SIGALRM",
    "INT": "SIGINT",
    "KILL": "SIGKILL",
}


class Row:
    """One line of the table: about ``event``, in states that have all of ``given`` and none of ``absent``."""

    __slots__ = ("absent", "actions", "clear", "event", "given", "set")

    def __init__(
        self,
        event: str,
        given: int = 0,
        absent: int = 0,
        *,
        clear: int = 0,
        set: int = 0,  # noqa: A002 - what it does
        actions: tuple[str, ...] = (),
    ) -> None:
        """Note when it fits, the flags that change, and what is done in the new state."""
        self.event, self.given, self.absent = event, given, absent
        self.clear, self.set, self.actions = clear, set, actions

    def fits(self, state: int) -> bool:
        """Return whether this row is about a state."""
        return state & self.given == self.given and not state & self.absent


ROWS = (
    Row(BEGUN, WANT_UP, UP, actions=(START,)),
    Row(BEGUN),
    Row(ENTERED, actions=(PUBLISH,)),
    Row(STARTED, clear=PAUSED, set=UP, actions=(STAMP, PUBLISH, REST)),
    Row(ANNOUNCED, clear=PAUSED, set=UP, actions=(REST,)),
    Row(UNSTARTED, actions=(PUBLISH, WARN, LONG_REST)),
    Row(TURN, WANT_UP, UP, actions=(START,)),  # what could not be started
    Row(TURN),
    Row(ENDED, UP | LEAVING, clear=UP, actions=(STAMP, PUBLISH, PUBLISH, LEAVE)),
    Row(ENDED, UP | WANT_UP, clear=UP, actions=(STAMP, START)),  # published by how that goes
    Row(ENDED, UP, clear=UP, actions=(STAMP, PUBLISH)),
    Row(ENDED),
    Row("u", UP, clear=WANT, set=WANT_UP, actions=(PUBLISH,)),
    Row("u", clear=WANT, set=WANT_UP, actions=(PUBLISH, START)),
    Row("d", UP, clear=WANT | PAUSED, set=WANT_DOWN, actions=("TERM", "CONT", PUBLISH)),
    Row("d", clear=WANT, set=WANT_DOWN, actions=(PUBLISH,)),
    Row("o", UP, clear=WANT, actions=(PUBLISH,)),
    Row("o", clear=WANT, actions=(PUBLISH, START)),
    Row("x", UP, set=LEAVING, actions=(PUBLISH,)),
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
    *(Row(letter) for letter in "haitk"),
    Row(OTHER),
)

_BY_EVENT: dict[str, list[Row]] = {}
for _row in ROWS:
    _BY_EVENT.setdefault(_row.event, []).append(_row)

EVENTS = tuple(_BY_EVENT)


def step(state: int, event: str) -> tuple[int, tuple[str, ...]]:
    """Return the state after an event, and what to do in it, in order.

    Args:
        state: flags, `UP` and the like.
        event: a control byte as a letter, or one of the words above; a letter
            that means nothing is `OTHER`.
    """
    for row in _BY_EVENT.get(event, _BY_EVENT[OTHER]):
        if row.fits(state):
            return state & ~row.clear | row.set, row.actions
    raise AssertionError(event)  # each event has a row that fits every state
