"""The shutdown of a server: which signals start it, its stages, and when it is complete.

A server may also end because it has had no client for some time.
"""

import time
from _signal import SIGABRT, SIGHUP, SIGKILL, SIGQUIT, SIGTERM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.tcp.report.protocol import Report
    from ucspi.tcp.server.admission import Admission
    from ucspi.tcp.server.clientlookups import ClientLookups
    from ucspi.tcp.server.doors import Doors
    from ucspi.tcp.server.handlers import Handlers
    from ucspi.tcp.server.idleness import Idleness
    from ucspi.tcp.server.pending import Pending
    from ucspi.tcp.server.settings import Settings

GRACE = 5.0  # seconds between SIGTERM and SIGKILL, and between SIGKILL and giving up


class Drain:
    """The stages of a gentle shutdown: which signal to send to the handlers, and when."""

    __slots__ = ("_signals", "deadline", "is_over")

    def __init__(self, now: float, seconds: float) -> None:
        """Start with the stage in which no signal is sent.

        Args:
            now: monotonic seconds.
            seconds: how long this stage lasts, in which handlers may finish.
        """
        self._signals = [SIGTERM, SIGKILL]
        self.deadline = now + seconds
        self.is_over = False  # after the last stage

    def hurry(self, now: float) -> None:
        """End the current stage at once."""
        self.deadline = now

    def due(self, now: float) -> int | None:
        """Return the signal to send to every handler now, or None; then go to the next stage."""
        if now < self.deadline:
            return None
        if not self._signals:
            self.is_over = True
            return None
        self.deadline = now + GRACE
        return self._signals.pop(0)


class Shutdown:
    """Shuts a server down, at once or after its handlers have ended."""

    __slots__ = (
        "_admission",
        "_doors",
        "_drain",
        "_handlers",
        "_idleness",
        "_is_told_to_exit",
        "_lookups",
        "_pending",
        "_report",
        "_settings",
    )

    def __init__(
        self,
        settings: "Settings",
        doors: "Doors",
        admission: "Admission",
        lookups: "ClientLookups | None",
        handlers: "Handlers",
        report: "Report",
        pending: "Pending | None" = None,
    ) -> None:
        self._pending = pending
        self._settings, self._doors, self._admission = settings, doors, admission
        self._lookups, self._handlers, self._report = lookups, handlers, report
        self._drain: Drain | None = None
        self._is_told_to_exit = False
        self._idleness = self._make_idleness(settings.exit_time)

    def _make_idleness(self, seconds: "int | None") -> "Idleness | None":
        if seconds is None:
            return None
        from ucspi.tcp.server.idleness import Idleness

        return Idleness(seconds, self._is_busy, self._doors.is_somebody_waiting)

    @property
    def has_begun(self) -> bool:
        """Whether the shutdown has begun; no more clients are accepted."""
        return self._drain is not None

    @property
    def deadline(self) -> float | None:
        """When `is_over` has something to do, in monotonic seconds."""
        if self._drain is not None:
            return self._drain.deadline
        return None if self._idleness is None else self._idleness.deadline()

    def postpone(self) -> None:
        """Note that a client has come: a server that is to end when it is idle is not."""
        if self._idleness is not None:
            self._idleness.restart()

    def _is_busy(self) -> bool:
        """Return whether there is a client or a handler."""
        return bool(self._admission.census.children or self._pending)

    def obey(self, signals: bytes) -> None:
        """Do what the caught signals ask for."""
        if SIGTERM in signals and self._settings.drain_time is None:
            self._is_told_to_exit = True
        elif SIGTERM in signals:
            self._begin()
        if not self._settings.is_s6:
            return
        if SIGHUP in signals or SIGQUIT in signals:
            self._handlers.signal(SIGTERM)
        if SIGABRT in signals:
            self._handlers.signal(SIGKILL)
        self._is_told_to_exit |= SIGQUIT in signals or SIGABRT in signals

    def _begin(self) -> None:
        """Stop accepting clients; a second call ends the current stage."""
        now = time.monotonic()
        if self._drain is None:
            self._drain = Drain(now, self._settings.drain_time or 0.0)
            self._doors.close()
            self._report.draining(self._admission.census.children)
        else:
            self._drain.hurry(now)

    def is_over(self) -> bool:
        """Send the signals that are due; return whether it is time to exit."""
        if self._is_told_to_exit:
            return True
        if self._drain is None:
            return self._idleness is not None and self._idleness.is_over()
        signal = self._drain.due(time.monotonic())
        if signal is not None:
            self._handlers.signal(signal)
            for waiting in (self._lookups, self._pending):
                for connection in waiting.give_up() if waiting is not None else ():
                    # Their handlers would start after SIGTERM was sent, and get only SIGKILL.
                    self._admission.drop(connection, b"the server is ending")
        return self._drain.is_over or not self._is_busy()
