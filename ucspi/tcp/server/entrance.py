"""What comes between accepting a connection and counting its client: here it becomes known who that is.

A client that is not known yet holds no place of ``-c`` but one of the pending
places.  One that becomes known while ``-c`` is reached keeps that place until
there is room, and time no longer counts against it: it has done what it should.
"""

from ucspi.tcp.server.pending import Pending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.tcp.background import Background
    from ucspi.tcp.connection import Connection
    from ucspi.tcp.report.protocol import Report
    from ucspi.tcp.server.networks import Networks
    from ucspi.tcp.server.pending import Drop
    from ucspi.tcp.server.proxyheaders import Fail, Ready
    from ucspi.tcp.server.settings import Settings


class Entrance:
    """Takes each accepted connection, and hands it on when its client is known and there is room.

    Attributes:
        pending: the clients that are not handed on yet.
        enter: takes a connection that was just accepted.  It raises MemoryError;
            then the connection is still the caller's.
    """

    __slots__ = ("_fail", "_has_room", "_receive", "enter", "pending")

    def __init__(
        self,
        settings: "Settings",
        networks: "Networks | None",
        background: "Background",
        report: "Report",
        has_room: "Callable[[], bool]",
        receive: "Ready",
        drop: "Drop",
        fail: "Fail",
    ) -> None:
        """Take nothing yet.

        Args:
            settings: what must come first, and in which time.
            networks: whose connections begin with a PROXY header; None: nobody's.
            background: wakes those that wait.
            report: gets what is no client.
            has_room: returns whether a client may be handed on now.
            receive: takes the client over.
            drop: closes a client and reports the reason.
            fail: closes a client because memory ran out.
        """
        self._has_room, self._receive, self._fail = has_room, receive, fail
        self.pending = Pending(background, settings.pending, drop)
        self.enter: Ready = receive
        if networks is not None:
            from ucspi.tcp.server.proxyheaders import ProxyHeaders  # most servers have no balancer

            headers = ProxyHeaders(settings, networks, self.pending, report, receive, self.know, drop, fail)
            self.enter = headers.receive

    def know(self, connection: "Connection") -> None:
        """Hand a client on that had to be waited for, or have it wait in its place until there is room."""
        if self.pending.has_known() or not self._has_room():
            self.pending.wait_for_room(connection)
        else:
            self.pending.release(connection)
            self._receive(connection)

    def turn(self) -> None:
        """Hand on those that have waited for the room that there is now."""
        while self.pending.has_known() and self._has_room():
            connection = self.pending.next_known()
            if connection is not None:
                try:
                    self._receive(connection)
                except MemoryError as error:
                    self._fail(connection, error)
