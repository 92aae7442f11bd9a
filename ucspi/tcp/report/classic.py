"""The report that servers write unless told otherwise: the log lines of the original.

Each event is written at once, in one write.  There is one exception: the
status line of a client that was just accepted waits for the next event, so
that the five lines of a refused client are one write.
"""

from ucspi.tcp.report import classiclines
from ucspi.unix.errtext import describe
from ucspi.unix.output import emit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ucspi.tcp.connection import Connection


class ClassicReport:
    """Writes the lines of ucspi-tcp 0.88, as many as the verbosity asks for."""

    __slots__ = ("_limit", "_pending", "_pid", "_verbosity")

    def __init__(self, verbosity: int, limit: int, pid: int) -> None:
        """Write nothing yet.

        Args:
            verbosity: 0 for nothing, 1 for errors, 2 for every client.
            limit: the most clients at once.
            pid: that of the server; it stands in the lines of clients that get no process.
        """
        self._verbosity, self._limit, self._pid = verbosity, limit, pid
        self._pending = b""

    def listening(self, children: int) -> None:
        """Write how many clients there are; the server accepts them from now on."""
        self._say(self._status(children))

    def admitted(self, connection: "Connection", children: int) -> None:
        """Keep the line of a client that was accepted, to write it with the next event."""
        self._pending = self._status(children)

    def flush(self) -> None:
        """Write the line that waits for the next event."""
        if self._pending:
            self._say(b"")

    def starting(self, connection: "Connection") -> bytes:
        """Return the lines that a handler's process writes before it executes; see `classiclines.PID`."""
        self.flush()
        if self._verbosity < 2:
            return b""
        return classiclines.arrival(classiclines.PID, connection) + classiclines.verdict(
            b"ok", classiclines.PID, connection
        )

    def denied(self, connection: "Connection", children: int, why: bytes = b"") -> None:
        """Write that a client was turned away; ``why`` is the limit, if one is the reason."""
        if self._verbosity >= 2:
            line = classiclines.verdict(b"deny", b"%d" % self._pid, connection, why)
            self._say(self._refusal(connection, line, classiclines.DENIED_STATUS, children))

    def dropped(self, connection: "Connection", children: int, reason: bytes) -> None:
        """Write that a client was cut off, because it could not be judged or greeted."""
        line = classiclines.dropping(reason)
        if self._verbosity >= 2:
            line = self._refusal(connection, line, classiclines.DROPPED_STATUS, children)
        if self._verbosity:
            self._say(line)

    def checked(self, connection: "Connection") -> None:
        """Write that a balancer has looked whether we live."""
        if self._verbosity >= 2:
            self._say(b"tcpserver: health check from %s\n" % connection.remote_ip)

    def failed(self, connection: "Connection", error: OSError, children: int) -> None:
        """Write that no process could be made for a client."""
        if self._verbosity:
            self._say(
                classiclines.dropping(b"unable to fork: " + describe(error.errno)) + self._status(children)
            )

    def ended(self, ends: "Iterable[tuple[int, int, int, Connection]]") -> None:
        """Write that handlers have ended; for each: pid, wait status, clients left, its client."""
        if self._verbosity >= 2:
            self._say(
                b"".join(classiclines.end(pid, status) + self._status(left) for pid, status, left, _ in ends)
            )

    def expired(self, connection: "Connection", limit: bytes, seconds: int) -> None:
        """Write that a client's time is over; see `Report.expired`."""
        if self._verbosity >= 2:
            self._say(classiclines.expiry(connection.pid, limit, seconds))

    def killing(self, connection: "Connection") -> None:
        """Write that a handler has not ended at its time."""
        self.warn(b"killing %d: it is still there after SIGTERM" % connection.pid)

    def full(self, held: "Iterable[tuple[bytes, int]]") -> None:
        """Write which addresses have most clients, and how many each; the limit is reached."""
        if self._verbosity >= 2:
            self._say(b"tcpserver: full: %s\n" % b" ".join(b"%s=%d" % pair for pair in held))

    def draining(self, children: int) -> None:
        """Write how many clients are still served; no more are accepted."""
        if self._verbosity >= 2:
            self._say(b"tcpserver: draining: %d\n" % children)

    def warn(self, text: bytes) -> None:
        """Write a warning about a trouble that no single client has caused."""
        if self._verbosity:
            self._say(classiclines.warning(text))

    def _status(self, children: int) -> bytes:
        return classiclines.status(children, self._limit) if self._verbosity >= 2 else b""

    def _refusal(self, connection: "Connection", line: bytes, status: int, children: int) -> bytes:
        return classiclines.refusal(self._pid, connection, line, status, children, self._limit)

    def _say(self, lines: bytes) -> None:
        lines, self._pending = self._pending + lines, b""
        if lines:
            emit(lines)
