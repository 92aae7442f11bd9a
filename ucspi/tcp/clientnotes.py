"""Notes about a client for the JSON log and the status file: times, the rule, the handler's pid.

Times of day come from the wall clock, which may be set back.  Durations come
from the steady clock, which never is.
"""

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Two clocks in nanoseconds: ``wall`` counts from 1970, ``steady`` is never set back."""

    __slots__ = ("steady", "wall")

    def __init__(
        self, wall: "Callable[[], int]" = time.time_ns, steady: "Callable[[], int]" = time.monotonic_ns
    ) -> None:
        self.wall, self.steady = wall, steady


class ClientNotes:
    """The notes about one client.  Times are in nanoseconds, None where nothing was timed."""

    __slots__ = (
        "_began",
        "_clock",
        "cached_fields",
        "expired",
        "ident_time",
        "is_judged",
        "line",
        "names_time",
        "number",
        "pid",
        "rule",
        "since",
    )

    def __init__(self, number: int, clock: Clock) -> None:
        """Start the notes about a client that is accepted now, the ``number``-th."""
        self.number, self._clock = number, clock
        self.since = clock.wall()
        self._began = clock.steady()
        self.names_time: int | None = None  # from the start until the last name was answered
        self.ident_time: int | None = None  # from the start until ident was answered
        self.is_judged = False  # whether rules decided
        self.rule: bytes | None = None  # the address that decided
        self.line: int | None = None  # where that rule stands, if it is known
        self.pid: int | None = None  # of the handler
        self.expired = b""  # the time limit that it has reached
        self.cached_fields = b""  # fields in the status file, once they no longer change

    def age(self) -> int:
        """Return how long ago the client was accepted."""
        return self._clock.steady() - self._began

    def note_name(self) -> None:
        """Note that a name look-up is done."""
        self.names_time = self.age()

    def note_info(self) -> None:
        """Note that the ident query is done."""
        self.ident_time = self.age()

    def note_rule(self, rule: bytes | None, line: int | None) -> None:
        """Note which rule decided; None when no rule applied."""
        self.is_judged, self.rule, self.line = True, rule, line
