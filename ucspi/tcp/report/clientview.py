"""What is noted of a client besides the connection, where somebody wants to see it.

Moments come from the wall clock, which may be set back meanwhile; lengths of
time come from one that never is.
"""

import time

from ucspi.tcp.report.jsontext import milliseconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.tcp.connection import Connection
    from ucspi.tcp.report.jsontext import Value


class Clock:
    """The two clocks, both in nanoseconds: ``wall`` since 1970, ``steady`` never set."""

    __slots__ = ("steady", "wall")

    def __init__(
        self, wall: "Callable[[], int]" = time.time_ns, steady: "Callable[[], int]" = time.monotonic_ns
    ) -> None:
        """Take the system's clocks, or others."""
        self.wall, self.steady = wall, steady


class Visit:
    """One client's notes.  Times are nanoseconds, None where there is nothing to time."""

    __slots__ = (
        "_began",
        "_clock",
        "ident",
        "is_judged",
        "line",
        "names",
        "number",
        "pid",
        "rule",
        "shown",
        "since",
    )

    def __init__(self, number: int, clock: Clock) -> None:
        """Begin when the client is accepted, as the ``number``-th."""
        self.number, self._clock = number, clock
        self.since = clock.wall()
        self._began = clock.steady()
        self.names: int | None = None  # until the last name was answered
        self.ident: int | None = None
        self.is_judged = False  # by rules
        self.rule: bytes | None = None  # the address that decided
        self.line: int | None = None  # of that rule, where it is known
        self.pid: int | None = None  # of the handler
        self.shown = b""  # in the status file, once nothing of it changes any more

    def lasted(self) -> int:
        """Return how long the client has been here."""
        return self._clock.steady() - self._began

    def note_name(self) -> None:
        """Note that a name was answered, or given up."""
        self.names = self.lasted()

    def note_info(self) -> None:
        """Note that ident was answered, or given up."""
        self.ident = self.lasted()

    def note_rule(self, rule: bytes | None, line: int | None) -> None:
        """Note which rule decided; None when none applied."""
        self.is_judged, self.rule, self.line = True, rule, line


def address(connection: "Connection") -> "dict[bytes, Value]":
    """Return where a client comes from, in full."""
    return {b"remote_ip": connection.remote_ip, b"remote_port": connection.remote_port}


def facts(connection: "Connection", visit: Visit) -> "dict[bytes, Value]":
    """Return all that is known of a client; what is not, or was not asked, is left out."""
    told: dict[bytes, Value] = {
        **address(connection),
        b"remote_host": connection.remote_host,
        b"remote_info": connection.remote_info,
        b"local_ip": connection.local_ip,
        b"local_port": connection.local_port,
        b"local_host": connection.local_host,
        b"names_ms": None if visit.names is None else milliseconds(visit.names),
        b"ident_ms": None if visit.ident is None else milliseconds(visit.ident),
    }
    told = {name: value for name, value in told.items() if value is not None}
    if visit.is_judged:
        told[b"rule"] = visit.rule if visit.rule is None else _readable(visit.rule)
        if visit.line is not None:
            told[b"line"] = visit.line
    return told


def _readable(rule: bytes) -> bytes:
    from ucspi.rules import readable  # who has no rules need not load the code for them

    return readable(rule)
