"""What is noted of a client besides the connection, where somebody wants to see it.

Moments come from the wall clock, which may be set back meanwhile; lengths of
time come from one that never is.
"""

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """The two clocks, both in nanoseconds: ``wall`` since 1970, ``steady`` never set."""

    __slots__ = ("steady", "wall")

    def __init__(
        self, wall: "Callable[[], int]" = time.time_ns, steady: "Callable[[], int]" = time.monotonic_ns
    ) -> None:
        """Take the system's clocks, or others."""
        self.wall, self.steady = wall, steady


class ClientNotes:
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
