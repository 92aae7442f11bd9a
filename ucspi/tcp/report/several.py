"""Several reports as one: each event goes to every report that was chosen, and to the status file."""

import os

from ucspi.tcp.clientnotes import ClientNotes, Clock
from ucspi.tcp.report.classic import ClassicReport
from ucspi.tcp.report.jsonlog import JsonReport
from ucspi.tcp.report.statusfile import StatusFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ucspi.tcp.connection import Connection
    from ucspi.tcp.server.listener import Listener
    from ucspi.tcp.server.settings import Settings


class SeveralReports:
    """Gives each client its notes and passes every event on to each report, the classic one first."""

    __slots__ = ("_accepted", "_clock", "_reports", "status_file")

    def __init__(
        self, settings: "Settings", listeners: "Iterable[Listener]", clock: Clock | None = None
    ) -> None:
        """Make what the settings ask for; nothing is told or written yet."""
        self._clock = clock or Clock()
        self._accepted = 0
        places = [_place(listener) for listener in listeners]
        verbosity, limit, pid = settings.verbosity, settings.limit, os.getpid()
        self._reports: list[ClassicReport | JsonReport] = []
        if settings.log != b"json":
            self._reports.append(ClassicReport(verbosity, limit, pid))
        if settings.log != b"classic":
            self._reports.append(JsonReport(verbosity, limit, pid, places, self._clock))
        self.status_file: StatusFile | None = None
        if settings.status_file is not None:
            self.status_file = StatusFile(settings.status_file, settings, places, self._clock, self.warning)

    def begun(self, children: int) -> None:
        """Tell that the server accepts clients from now on."""
        for report in self._reports:
            report.begun(children)

    def admitted(self, connection: "Connection", children: int) -> None:
        """Give notes to a client that was accepted."""
        self._accepted += 1
        connection.notes = ClientNotes(self._accepted, self._clock)
        if self.status_file is not None:
            self.status_file.entered(connection)
        for report in self._reports:
            report.admitted(connection, children)

    def flush(self) -> None:
        """Tell what was only noted."""
        for report in self._reports:
            report.flush()

    def started(self, connection: "Connection") -> bytes:
        """Return the lines that a handler's process writes before it executes."""
        if self.status_file is not None:
            self.status_file.change()
        return b"".join([report.started(connection) for report in self._reports])

    def denied(self, connection: "Connection", children: int, why: bytes = b"") -> None:
        """Tell of a client that was turned away."""
        self._leave(connection, b"denied")
        for report in self._reports:
            report.denied(connection, children, why)

    def dropped(self, connection: "Connection", children: int, reason: bytes) -> None:
        """Tell of a client that could not be judged, or greeted."""
        self._leave(connection, b"dropped")
        for report in self._reports:
            report.dropped(connection, children, reason)

    def failed(self, connection: "Connection", error: OSError, children: int) -> None:
        """Tell of a client for whom there was no process."""
        self._leave(connection, b"dropped")
        for report in self._reports:
            report.failed(connection, error, children)

    def ended(self, ends: "Iterable[tuple[int, int, int, Connection]]") -> None:
        """Tell of handlers that ended."""
        ends = list(ends)
        for *_, connection in ends:
            self._leave(connection, b"ended")
        for report in self._reports:
            report.ended(ends)

    def holders(self, held: "Iterable[tuple[bytes, int]]") -> None:
        """Tell who holds the slots, now that there is none left."""
        held = list(held)
        for report in self._reports:
            report.holders(held)

    def draining(self, children: int) -> None:
        """Tell that nobody is accepted any more."""
        if self.status_file is not None:
            self.status_file.drain()
        for report in self._reports:
            report.draining(children)

    def warning(self, text: bytes) -> None:
        """Tell of trouble that is no client's."""
        for report in self._reports:
            report.warning(text)

    def _leave(self, connection: "Connection", how: bytes) -> None:
        if self.status_file is not None:
            self.status_file.left(connection, how)


def _place(listener: "Listener") -> bytes:
    """Return where a listener listens, as ``--listen`` takes it."""
    if listener.path is not None:
        return b"unix:" + listener.path
    name = listener.socket.getsockname()
    return (b"[%s]:%d" if ":" in name[0] else b"%s:%d") % (name[0].encode(), name[1])
