"""Several reports behind one interface: each event goes to the status file and to every report."""

from ucspi.tcp.clientnotes import ClientNotes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ucspi.tcp.clientnotes import Clock
    from ucspi.tcp.connection import Connection
    from ucspi.tcp.report.protocol import Report
    from ucspi.tcp.report.statusfile import StatusFile


class SeveralReports:
    """Gives each client its notes and passes every event on to each report, in their order.

    Attributes:
        status_file: gets an event before the reports do; None if there is no status file.
    """

    __slots__ = ("_accepted", "_clock", "_reports", "status_file")

    def __init__(self, reports: "Sequence[Report]", clock: "Clock") -> None:
        self._reports, self._clock = reports, clock
        self._accepted = 0
        self.status_file: StatusFile | None = None

    def listening(self, children: int) -> None:
        """Pass on that the server accepts clients from now on."""
        for report in self._reports:
            report.listening(children)

    def admitted(self, connection: "Connection", children: int) -> None:
        """Give notes to a client that was accepted, and pass the event on."""
        self._accepted += 1
        connection.notes = ClientNotes(self._accepted, self._clock)
        if self.status_file is not None:
            self.status_file.add_client(connection)
        for report in self._reports:
            report.admitted(connection, children)

    def flush(self) -> None:
        """Have every report write the lines that wait."""
        for report in self._reports:
            report.flush()

    def starting(self, connection: "Connection") -> bytes:
        """Return the lines of all reports that a handler's process writes before it executes."""
        if self.status_file is not None:
            self.status_file.note_change()
        return b"".join([report.starting(connection) for report in self._reports])

    def denied(self, connection: "Connection", children: int, why: bytes = b"") -> None:
        """Pass on that a client was turned away."""
        self._leave(connection, b"denied")
        for report in self._reports:
            report.denied(connection, children, why)

    def dropped(self, connection: "Connection", children: int, reason: bytes) -> None:
        """Pass on that a client was cut off."""
        self._leave(connection, b"dropped")
        for report in self._reports:
            report.dropped(connection, children, reason)

    def checked(self, connection: "Connection") -> None:
        """Pass on that a balancer has looked whether we live."""
        for report in self._reports:
            report.checked(connection)

    def failed(self, connection: "Connection", error: OSError, children: int) -> None:
        """Pass on that no process could be made for a client."""
        self._leave(connection, b"dropped")
        for report in self._reports:
            report.failed(connection, error, children)

    def ended(self, ends: "Iterable[tuple[int, int, int, Connection]]") -> None:
        """Pass on that handlers have ended."""
        ends = list(ends)
        for *_, connection in ends:
            self._leave(connection, b"ended")
        for report in self._reports:
            report.ended(ends)

    def expired(self, connection: "Connection", limit: bytes, seconds: int) -> None:
        """Note that a client's time is over, and pass it on."""
        if connection.notes is not None:
            connection.notes.expired = limit
        if self.status_file is not None:
            self.status_file.note_change()
        for report in self._reports:
            report.expired(connection, limit, seconds)

    def killing(self, connection: "Connection") -> None:
        """Pass on that a handler is killed."""
        for report in self._reports:
            report.killing(connection)

    def full(self, held: "Iterable[tuple[bytes, int]]") -> None:
        """Pass on that the limit is reached."""
        held = list(held)
        for report in self._reports:
            report.full(held)

    def draining(self, children: int) -> None:
        """Pass on that no more clients are accepted."""
        if self.status_file is not None:
            self.status_file.note_draining()
        for report in self._reports:
            report.draining(children)

    def warn(self, text: bytes) -> None:
        """Pass on a warning."""
        for report in self._reports:
            report.warn(text)

    def _leave(self, connection: "Connection", how: bytes) -> None:
        if self.status_file is not None:
            self.status_file.remove_client(connection, how)
