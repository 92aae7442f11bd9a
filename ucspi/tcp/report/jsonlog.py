"""The report as JSON: one object in each line.

Each client has an ``accept`` line, then an ``ok``, ``deny`` or ``drop`` line,
and after ``ok`` an ``end`` line.  All of them have the client's number.  As in
the classic report, the ``accept`` line waits for the next event, and the
handler's process writes the ``ok`` line itself, before the handler prints
anything.
"""

from ucspi.tcp.report import classiclines
from ucspi.tcp.report.clientfields import address_fields, client_fields
from ucspi.tcp.report.jsontext import Raw, encode, moment, seconds
from ucspi.unix.errtext import describe
from ucspi.unix.output import emit
from ucspi.unix.signalnames import signal_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ucspi.tcp.clientnotes import ClientNotes, Clock
    from ucspi.tcp.connection import Connection
    from ucspi.tcp.report.jsontext import Value

_CORE = 0x80  # in a wait status: the process left a core file


class JsonReport:
    """Writes lines of JSON, as many as the verbosity asks for; every connection must have notes."""

    __slots__ = ("_clock", "_limit", "_pending", "_pid", "_places", "_verbosity")

    def __init__(self, verbosity: int, limit: int, pid: int, places: list[bytes], clock: "Clock") -> None:
        """Write nothing yet.

        Args:
            verbosity: 0 for nothing, 1 for errors, 2 for every client.
            limit: the most clients at once.
            pid: that of the server.
            places: where the server listens, in the form of ``--listen``.
            clock: gives each event its time.
        """
        self._verbosity, self._limit, self._pid = verbosity, limit, pid
        self._places, self._clock = places, clock
        self._pending = b""

    def listening(self, children: int) -> None:
        """Write that the server accepts clients from now on."""
        self._say(2, b"start", {b"pid": self._pid, b"listeners": self._places, **self._counts(children)})

    def admitted(self, connection: "Connection", children: int) -> None:
        """Keep the line of a client that was accepted, to write it with the next event."""
        if self._verbosity >= 2:
            fields = {**_short_fields(connection), **self._counts(children)}
            self._pending = self._line(b"accept", fields)

    def flush(self) -> None:
        """Write the line that waits for the next event."""
        if self._pending:
            self._emit(b"")

    def starting(self, connection: "Connection") -> bytes:
        """Return the line that a handler's process writes before it executes; see `classiclines.PID`."""
        self.flush()
        if self._verbosity < 2:
            return b""
        return self._line(b"ok", {**_all_fields(connection), b"pid": Raw(classiclines.PID)})

    def denied(self, connection: "Connection", children: int, why: bytes = b"") -> None:
        """Write that a client was turned away; ``why`` is the limit, if one is the reason."""
        if self._verbosity >= 2:
            self._refused(b"deny", connection, children, why)

    def dropped(self, connection: "Connection", children: int, reason: bytes) -> None:
        """Write that a client was cut off, because it could not be judged or greeted."""
        if self._verbosity:
            self._refused(b"drop", connection, children, reason)

    def checked(self, connection: "Connection") -> None:
        """Write that a balancer has looked whether we live."""
        self._say(2, b"check", address_fields(connection))

    def failed(self, connection: "Connection", error: OSError, children: int) -> None:
        """Write that no process could be made for a client."""
        self.dropped(connection, children, b"unable to fork: " + describe(error.errno))

    def ended(self, ends: "Iterable[tuple[int, int, int, Connection]]") -> None:
        """Write that handlers have ended; for each: pid, wait status, clients left, its client."""
        if self._verbosity >= 2:
            self._emit(b"".join(self._end(*end) for end in ends))

    def expired(self, connection: "Connection", limit: bytes, seconds: int) -> None:
        """Write that a client's time is over; see `Report.expired`."""
        self._over(2, connection, {b"reason": limit, b"limit_seconds": seconds, b"signal": b"SIGTERM"})

    def killing(self, connection: "Connection") -> None:
        """Write that a handler has not ended at its time."""
        self._over(1, connection, {b"reason": _notes_of(connection).expired, b"signal": b"SIGKILL"})

    def _over(self, verbosity: int, connection: "Connection", fields: "Mapping[bytes, Value]") -> None:
        age = seconds(_notes_of(connection).age())
        shown = {**_short_fields(connection), b"pid": connection.pid, **fields, b"seconds": age}
        self._say(verbosity, b"timeout", shown)

    def full(self, held: "Iterable[tuple[bytes, int]]") -> None:
        """Write which addresses have most clients, and how many each; the limit is reached."""
        self._say(2, b"full", {b"holders": [{b"remote_ip": ip, b"children": count} for ip, count in held]})

    def draining(self, children: int) -> None:
        """Write how many clients are still served; no more are accepted."""
        self._say(2, b"draining", self._counts(children))

    def warn(self, text: bytes) -> None:
        """Write a warning about a trouble that no single client has caused."""
        self._say(1, b"warning", {b"reason": text})

    def _end(self, pid: int, status: int, left: int, connection: "Connection") -> bytes:
        fields = {
            **_short_fields(connection),
            b"pid": pid,
            **decode(status),
            **({b"reason": reason} if (reason := _notes_of(connection).expired) else {}),
            b"seconds": seconds(_notes_of(connection).age()),
            **self._counts(left),
        }
        return self._line(b"end", fields)

    def _refused(self, event: bytes, connection: "Connection", children: int, reason: bytes) -> None:
        fields = _all_fields(connection)
        if reason:
            fields[b"reason"] = reason
        fields[b"seconds"] = seconds(_notes_of(connection).age())
        self._say(1, event, {**fields, **self._counts(children)})

    def _counts(self, children: int) -> "dict[bytes, Value]":
        return {b"children": children, b"limit": self._limit}

    def _line(self, event: bytes, fields: "Mapping[bytes, Value]") -> bytes:
        return encode({b"time": moment(self._clock.wall()), b"event": event, **fields}) + b"\n"

    def _say(self, verbosity: int, event: bytes, fields: "Mapping[bytes, Value]") -> None:
        if self._verbosity >= verbosity:
            self._emit(self._line(event, fields))

    def _emit(self, lines: bytes) -> None:
        lines, self._pending = self._pending + lines, b""
        if lines:
            emit(lines)


def decode(status: int) -> "dict[bytes, Value]":
    """Return a wait status as fields: the exit code, or the signal and whether there is a core file."""
    number = status & 0x7F
    if not number:
        return {b"exit": status >> 8}
    fields: dict[bytes, Value] = {b"signal": signal_name(number)}
    if status & _CORE:
        fields[b"core"] = True
    return fields


def _notes_of(connection: "Connection") -> "ClientNotes":
    notes = connection.notes
    assert notes is not None, "SeveralReports gives every client notes"
    return notes


def _short_fields(connection: "Connection") -> "dict[bytes, Value]":
    return {b"connection": _notes_of(connection).number, **address_fields(connection)}


def _all_fields(connection: "Connection") -> "dict[bytes, Value]":
    notes = _notes_of(connection)
    return {b"connection": notes.number, **client_fields(connection, notes)}
