"""What the server tells of its clients: in the original's lines, unless asked otherwise.

Every event is told at once, in one write, but for one: the status line of a
client that was just accepted waits for whatever is said next, so that the five
lines of a refused client are one write.
"""

from ucspi.tcp.report import classiclines
from ucspi.unix.errtext import describe
from ucspi.unix.stderr import emit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ucspi.tcp.connection import Connection


class ClassicReport:
    """The lines of ucspi-tcp 0.88, as many as the verbosity asks for."""

    __slots__ = ("_limit", "_pending", "_pid", "_verbosity")

    def __init__(self, verbosity: int, limit: int, pid: int) -> None:
        """Tell with a verbosity of 0 (nothing), 1 (errors) or 2 (every client).

        Args:
            verbosity: how much to tell.
            limit: how many clients there may be.
            pid: the server's own, which stands in where no process is made.
        """
        self._verbosity, self._limit, self._pid = verbosity, limit, pid
        self._pending = b""

    def listening(self, children: int) -> None:
        """Tell how many clients there are, now that the server accepts them."""
        self._say(self._status(children))

    def admitted(self, connection: "Connection", children: int) -> None:
        """Note that a client was accepted, to be told with what comes next."""
        self._pending = self._status(children)

    def flush(self) -> None:
        """Tell what was only noted."""
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
        """Tell of a client that was turned away; ``why`` is a limit, if it was one."""
        if self._verbosity >= 2:
            line = classiclines.verdict(b"deny", b"%d" % self._pid, connection, why)
            self._say(self._refusal(connection, line, classiclines.DENIED_STATUS, children))

    def dropped(self, connection: "Connection", children: int, reason: bytes) -> None:
        """Tell of a client that could not be judged, or greeted."""
        line = classiclines.dropping(reason)
        if self._verbosity >= 2:
            line = self._refusal(connection, line, classiclines.DROPPED_STATUS, children)
        if self._verbosity:
            self._say(line)

    def failed(self, connection: "Connection", error: OSError, children: int) -> None:
        """Tell of a client for whom there was no process."""
        if self._verbosity:
            self._say(
                classiclines.dropping(b"unable to fork: " + describe(error.errno)) + self._status(children)
            )

    def ended(self, ends: "Iterable[tuple[int, int, int, Connection]]") -> None:
        """Tell of handlers that ended: pid, wait status, clients left, whose it was."""
        if self._verbosity >= 2:
            self._say(
                b"".join(classiclines.end(pid, status) + self._status(left) for pid, status, left, _ in ends)
            )

    def full(self, held: "Iterable[tuple[bytes, int]]") -> None:
        """Tell who holds the slots, now that there is none left: address and count."""
        if self._verbosity >= 2:
            self._say(b"tcpserver: full: %s\n" % b" ".join(b"%s=%d" % pair for pair in held))

    def draining(self, children: int) -> None:
        """Tell that nobody is accepted any more, and how many clients are still served."""
        if self._verbosity >= 2:
            self._say(b"tcpserver: draining: %d\n" % children)

    def warn(self, text: bytes) -> None:
        """Tell of trouble that is no client's."""
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
