"""Reads what a balancer sends in front of a client's bytes: a header of the PROXY protocol.

Only the balancers of ``--proxy-from`` are believed, and these must send one.
From then on the client is who the header says.  Everybody else is served as
ever, and a header of theirs is data.

Most headers are there when we accept.  Then nobody waits: the header is seen
with MSG_PEEK, parsed, and exactly its bytes are taken.  The bytes of half a
header are taken too, so that poll reports only what comes after them.
"""

import _socket

from ucspi.errors import ProxyHeaderError
from ucspi.tcp.connection import Balancer
from ucspi.tcp.proxyheader import GLIMPSE, TEXT_LONGEST, is_local, parse, taker
from ucspi.tcp.server.pending import Step
from ucspi.unix.errtext import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.tcp.connection import Connection
    from ucspi.tcp.proxyheader import Header
    from ucspi.tcp.report.protocol import Report
    from ucspi.tcp.server.networks import Networks
    from ucspi.tcp.server.pending import Drop, Pending
    from ucspi.tcp.server.settings import Settings

    Ready = Callable[[Connection], object]
    Fail = Callable[[Connection, OSError | MemoryError], object]

_AT_ONCE = _socket.MSG_DONTWAIT
_PEEK = _AT_ONCE | _socket.MSG_PEEK
_NOBODY = frozenset((b"0.0.0.0", b"::"))


class ProxyHeaders:
    """The stage in which a connection becomes that of the client whom its header names."""

    __slots__ = (
        *("_closes_local", "_drop", "_fail", "_has_warned", "_know", "_most", "_networks"),
        *("_pending", "_receive", "_report", "_take", "_timeout"),
    )

    def __init__(
        self,
        settings: "Settings",
        networks: "Networks",
        pending: "Pending",
        report: "Report",
        receive: "Ready",
        know: "Ready",
        drop: "Drop",
        fail: "Fail",
    ) -> None:
        """Read nothing yet.

        Args:
            settings: the time and the size of a header, and what LOCAL means.
            networks: whose connections begin with a header.
            pending: keeps those whose header is not whole.
            report: gets health checks, and a warning.
            receive: called with a connection that is the client's as soon as it is accepted.
            know: called with one that became the client's later, and still has its place.
            drop: closes a connection and reports the reason.
            fail: closes a connection because memory ran out.
        """
        self._networks, self._pending, self._report = networks, pending, report
        self._receive, self._know, self._drop, self._fail = receive, know, drop, fail
        self._timeout, self._most = settings.proxy_timeout, settings.proxy_most
        self._closes_local = settings.proxy_local_closes
        self._take = taker(self._most)
        self._has_warned = False

    def receive(self, connection: "Connection") -> None:
        """Take a connection that was just accepted.

        Raises:
            MemoryError: the connection is still the caller's.
        """
        if connection.balancer is not None:  # its door has taken the header
            if connection.remote_ip in _NOBODY:
                self._warn_of_nobody(connection)
            self._receive(connection)
            return
        if connection.remote_ip not in self._networks:
            self._receive(connection)
            return
        if self._take is not None and not self._closes_local:
            header = self._take(connection.descriptor)
            if header is not None:
                self._obey(connection, header)
                self._receive(connection)
                return
        reading = _Reading(connection, self._most)
        if self._proceed(reading, self._receive):
            return
        try:
            self._pending.hold(_Waiting(reading, self), self._timeout)
        except OSError as error:
            self._drop(connection, b"unable to wait for its PROXY header: " + describe(error.errno))

    def proceed(self, reading: "_Reading") -> None:
        """Read what has come on a connection that has a place."""
        try:
            self._proceed(reading, self._know)
        except MemoryError as error:
            self._fail(reading.connection, error)

    def _proceed(self, reading: "_Reading", hand_on: "Ready") -> bool:
        """Read what has come, and hand on a client who is known then; return False if the header goes on."""
        try:
            header = reading.read()
        except ProxyHeaderError as error:
            self._give_up(reading.connection, b"%s from %s" % (error.reason, reading.connection.remote_ip))
        except OSError as error:
            self._give_up(reading.connection, b"%s: %s" % (reading.what_came(), describe(error.errno)))
        except EOFError:
            self._give_up(reading.connection, b"%s before the end" % reading.what_came())
        else:
            if header is None:
                return False
            if self._closes_local and is_local(reading.come):
                self._close_check(reading.connection)
            else:
                self._obey(reading.connection, header)
                hand_on(reading.connection)
        return True

    def _give_up(self, connection: "Connection", reason: bytes) -> None:
        self._pending.release(connection)
        self._drop(connection, reason)

    def _close_check(self, connection: "Connection") -> None:
        self._pending.release(connection)
        connection.close()
        self._report.checked(connection)

    def _obey(self, connection: "Connection", header: "Header") -> None:
        """Let a connection be what its header says."""
        variables = header.variables() if header.texts else ()
        connection.balancer = Balancer(connection.remote_ip, connection.remote_port, variables)
        if not header.is_peer:
            connection.become(header.source, header.source_port, header.destination, header.destination_port)
            if header.source in _NOBODY:
                self._warn_of_nobody(connection)

    def _warn_of_nobody(self, connection: "Connection") -> None:
        if not self._has_warned and connection.balancer is not None:
            self._has_warned = True
            text = b"PROXY header from %s: the client's address is %s; rules and limits take it as it is"
            self._report.warn(text % (connection.balancer.ip, connection.remote_ip))


class _Reading:
    """The header of one connection.

    Attributes:
        connection: which one.
        come: what has come of the header; maybe, once it is whole, bytes behind it, which were not taken.
    """

    __slots__ = ("_most", "_room", "come", "connection")

    def __init__(self, connection: "Connection", most: int) -> None:
        self.connection, self._most = connection, most
        self.come = b""
        self._room = GLIMPSE  # bytes to look at next

    def what_came(self) -> bytes:
        return b"only %d bytes of a PROXY header came from %s" % (len(self.come), self.connection.remote_ip)

    def read(self) -> "Header | None":
        """Take all that has come of the header, and nothing else; return the header once it is whole.

        Raises:
            ProxyHeaderError: it cannot be one.
            OSError: the connection has failed.
            EOFError: the connection has ended.
        """
        # The family does not matter for reading.
        sock = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, self.connection.descriptor)
        try:
            return self._read(sock)
        except BlockingIOError:
            return None
        finally:
            sock.detach()

    def _read(self, sock: "_socket.socket") -> "Header | None":
        while True:
            seen = sock.recv(self._room, _PEEK)
            if not seen:
                raise EOFError
            come = self.come + seen
            answer = parse(come, self._most)
            if not isinstance(answer, int):
                _take(sock, answer.length - len(self.come))
                self.come = come
                return answer
            _take(sock, len(seen))
            is_all = len(seen) < self._room
            self.come, self._room = come, max(answer, TEXT_LONGEST)
            if is_all:
                return None


class _Waiting(Step):
    """What the place of a connection knows of its header."""

    __slots__ = ("_reading", "_stage")

    def __init__(self, reading: _Reading, stage: ProxyHeaders) -> None:
        super().__init__(reading.connection)
        self._reading, self._stage = reading, stage

    def go_on(self) -> None:
        """Read what has come."""
        self._stage.proceed(self._reading)

    def what_came(self) -> bytes:
        """Return how many bytes have come."""
        return self._reading.what_came()


def _take(sock: "_socket.socket", count: int) -> None:
    """Take bytes that were seen already."""
    while count:
        taken = len(sock.recv(count, _AT_ONCE))
        if not taken:
            raise EOFError
        count -= taken
