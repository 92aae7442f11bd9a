"""Admission: each client is counted and judged, and gets a handler or is cut off."""

import errno

from ucspi.errors import CdbFormatError
from ucspi.tcp.environment import variables
from ucspi.tcp.server.census import Census
from ucspi.tcp.server.clientlimits import (
    BadLimitError,
    LoadMeter,
    limit_message,
    over_rule_limit,
    over_server_limit,
    rule_time,
)
from ucspi.unix import memoryreserve
from ucspi.unix.errtext import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.rules import Verdict
    from ucspi.tcp.connection import Connection
    from ucspi.tcp.report.protocol import Report
    from ucspi.tcp.server.doors import Doors
    from ucspi.tcp.server.handlers import Handlers
    from ucspi.tcp.server.handshakes import Handshakes
    from ucspi.tcp.server.judge import Judge
    from ucspi.tcp.server.settings import Settings
    from ucspi.tcp.server.timelimits import TimeLimits

    Assignments = tuple[tuple[bytes, bytes], ...]


class Admission:
    """Decides about clients.

    Attributes:
        census: counts the clients that wait for look-ups, are started or are served.
        time_limits: those of the clients that are served; None: no client can have any.
        handshakes: what comes between the verdict and the handler, with TLS; None: nothing.
    """

    __slots__ = (
        *("_doors", "_handlers", "_judge", "_load", "_report", "_settings"),
        *("census", "handshakes", "time_limits"),
    )

    def __init__(
        self,
        settings: "Settings",
        judge: "Judge | None",
        doors: "Doors",
        handlers: "Handlers",
        report: "Report",
    ) -> None:
        self._settings, self._judge = settings, judge  # without a judge every client is allowed
        self._doors, self._handlers, self._report = doors, handlers, report
        self.census = Census()
        self.time_limits: TimeLimits | None = None
        self.handshakes: Handshakes | None = None
        self._load = LoadMeter()

    def enter(self, connection: "Connection") -> None:
        """Count a client that was accepted; `decide`, `turn_away`, `drop` or `fail` must follow."""
        connection.local_host = self._settings.local_host
        census = self.census
        census.enter(connection.remote_ip)
        connection.is_counted = True
        self._report.admitted(connection, census.children)
        if self._settings.report_holders and census.children == self._settings.limit:
            self._report.full(census.holders())

    def enter_again(self, connection: "Connection") -> None:
        """Count a client whose handshake is done, look at the limits again, and start its handler."""
        try:
            self._enter_again(connection)
        except MemoryError as error:
            self.fail(connection, error)

    def _enter_again(self, connection: "Connection") -> None:
        tls, ip = connection.tls, connection.remote_ip
        assert tls is not None, "only handshakes hand clients on to here"
        self.census.enter(ip)
        connection.is_counted = True
        over = over_server_limit(self.census, ip, self._settings)
        if over:
            self.turn_away(connection, limit_message(tls.assignments, self._settings.limit_message), over)
            return
        if self._judge is None:
            self._serve(connection, (), None)
            return
        passed = self._judged(connection, self._judge, tls.assignments)
        if passed is not None:
            self._serve(connection, *passed)

    def decide(self, connection: "Connection") -> None:
        """Judge a client when all its look-ups are done, and act on the verdict."""
        try:
            self._decide(connection)
        except MemoryError as error:
            self.fail(connection, error)

    def _decide(self, connection: "Connection") -> None:
        if self._judge is None:
            self._start(connection, ())
            return
        passed = self._judged(connection, self._judge, ())
        if passed is not None:
            self._start(connection, *passed)

    def _judged(
        self, connection: "Connection", judge: "Judge", earlier: "Assignments"
    ) -> "tuple[Assignments, int | None] | None":
        """Judge a client by its address, or by what its handshake has proved.

        ``earlier`` are the assignments of the first of the two verdicts.  Returns those of
        both and the seconds that they give; None: the client was cut off.
        """
        try:
            verdict = _verdict(connection, judge)
            assignments = earlier + verdict.environment
            over = over_rule_limit(self.census, connection.remote_ip, assignments, self._load.hundredths)
            seconds = rule_time(assignments)
        except OSError as error:
            self.drop(connection, b"unable to read %s: %s" % (judge.path, describe(error.errno)))
        except CdbFormatError:
            self.drop(connection, b"unable to read %s: protocol error" % judge.path)
        except BadLimitError as bad:
            self.drop(connection, b"the rule's %s %s" % (bad.name, bad.why))
        else:
            if not verdict.allowed:
                self.turn_away(connection, b"", b"")
            elif over:
                self.turn_away(connection, limit_message(assignments, self._settings.limit_message), over)
            else:
                return assignments, seconds
        return None

    def _start(
        self, connection: "Connection", assignments: "Assignments", seconds: int | None = None
    ) -> None:
        """Start the handler of a client that is allowed; with TLS, its handshake comes first."""
        if self.handshakes is None:
            self._serve(connection, assignments, seconds)
            return
        identity = b"" if self.time_limits is None else self.time_limits.identify(connection)
        self._report.flush()  # the line of its arrival, which would wait for the handshake
        connection.is_counted = False
        self.census.leave(connection.remote_ip)
        self.handshakes.begin(connection, assignments, seconds, identity)

    def _serve(self, connection: "Connection", assignments: "Assignments", seconds: int | None) -> None:
        if self.time_limits is not None:
            self.time_limits.enter(connection, seconds)  # before there is a handler: none must be without
        lines = self._report.starting(connection)
        try:
            if connection.tls is not None and self._settings.tls is not None:
                is_pair = self._settings.tls.is_socketpair
                connection.tls.hand_over(connection, self._settings.banner, is_pair=is_pair)
            pid = self._handlers.start(connection, variables(connection, assignments), lines)
        except OSError as error:
            self.start_failed(connection, error)
        else:
            if connection.notes is not None:
                connection.notes.pid = pid or None

    def start_failed(self, connection: "Connection", error: OSError) -> None:
        """Pause accepting: there is no process or memory left.  The client has been cut off."""
        self._count_out(connection)
        self._doors.pause()
        self._report.failed(connection, error, self.census.children)

    def turn_away(self, connection: "Connection", text: bytes, over: bytes) -> None:
        """Cut off a client that is denied or over a limit; send it a text first, if there is one."""
        # In front of a handshake the client would take a text for a damaged record.
        if text and (self.handshakes is None or connection.tls is not None):
            try:
                connection.print_at_once(text)
            except OSError:
                pass  # the client is cut off anyway
        self._leave(connection)
        self._report.denied(connection, self.census.children, over)

    def drop(self, connection: "Connection", reason: bytes) -> None:
        """Cut off a client that cannot be judged or greeted, or has not said who it is."""
        if not connection.is_counted and connection.tls is None:
            connection.local_host = self._settings.local_host
            self._report.admitted(connection, self.census.children)
        self._leave(connection)
        self._report.dropped(connection, self.census.children, reason)

    def fail(self, connection: "Connection", error: OSError | MemoryError) -> None:
        """Pause accepting, and cut off a client without a handler, because memory or the like ran out."""
        memoryreserve.give_up()
        self._doors.pause()
        if not connection.is_open():
            return
        if isinstance(error, MemoryError):
            self.drop(connection, describe(errno.ENOMEM))
        else:
            self.drop(connection, b"unable to look up names: " + describe(error.errno))

    def _leave(self, connection: "Connection") -> None:
        connection.close()
        self._count_out(connection)

    def _count_out(self, connection: "Connection") -> None:
        if self.time_limits is not None:
            self.time_limits.leave(connection)
        if connection.is_counted:
            connection.is_counted = False
            self.census.leave(connection.remote_ip)


def _verdict(connection: "Connection", judge: "Judge") -> "Verdict":
    """Return the verdict about an address; behind a handshake, that about the certificate."""
    tls = connection.tls
    if tls is not None:
        verdict = judge.judge_certificate(*tls.certificate())
        tls.rule = verdict.rule
        return verdict
    verdict = judge.judge(connection.remote_ip, connection.remote_host, connection.remote_info)
    if connection.notes is not None:
        connection.notes.note_rule(verdict.rule, judge.line_of(verdict.rule))
    return verdict
