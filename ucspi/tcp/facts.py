"""Finding out about a client what its handler shall know: names, and ident.

Whatever must be asked is asked at once and in parallel; the client goes on
when the last answer is there, or its deadline has passed.
"""

import time

from ucspi.tcp import ident, names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.tcp.connection import Connection
    from ucspi.tcp.lookups import Deliver, Lookups, Question
    from ucspi.tcp.settings import Settings

# How long a local address without a name is not asked about again, in seconds.
NAMELESS_TIME = 60.0
# How many local addresses are remembered: where a whole network leads to this host, clients choose them.
LOCAL_MOST = 1024
# What a thread may need beyond ident's own two time-outs before it is given up.
GRACE = 1.0


class Facts:
    """Asks, for each connection, what the settings say."""

    __slots__ = (
        "_asks_info",
        "_asks_remote",
        "_local_names",
        "_lookups",
        "_ready",
        "_settings",
        "_waiting",
    )

    def __init__(
        self, settings: "Settings", lookups: "Lookups", ready: "Callable[[Connection], None]"
    ) -> None:
        """``ready`` is called with a connection once everything asked about it is answered."""
        self._settings, self._lookups, self._ready = settings, lookups, ready
        self._local_names: dict[bytes, tuple[bytes | None, float]] = {}
        self._waiting: dict[Connection, None] = {}  # for answers, in the order that they came
        self._asks_info = settings.ask_info and settings.info_timeout > 0
        self._asks_remote = settings.lookup_remote_host or self._asks_info

    def find(self, connection: "Connection") -> None:
        """Ask what must be asked; when nothing must, the connection is ready at once."""
        if connection.user is not None:
            self._ready(connection)  # a client of this machine has no names, and needs no ident
            return
        if not self._asks_remote and connection.local_host is not None:
            self._ready(connection)
            return
        connection.waiting = 1  # until all questions are put
        self._waiting[connection] = None
        if connection.local_host is None:
            self._find_local_host(connection)
        if self._settings.lookup_remote_host:
            self._find_remote_host(connection)
        if self._asks_info:
            self._find_info(connection)
        self._answered(connection)

    def give_up(self) -> "list[Connection]":
        """Return the clients that wait for answers; none of them will be ready any more."""
        given_up, self._waiting = list(self._waiting), {}
        return given_up

    def _find_local_host(self, connection: "Connection") -> None:
        ip = connection.local_ip
        name, until = self._local_names.get(ip, (None, 0.0))
        if name is not None or time.monotonic() < until:
            connection.local_host = name
            return

        def deliver(answer: bytes | None) -> None:
            self._remember_local(ip, answer)
            connection.local_host = answer
            self._named(connection)

        self._ask(connection, lambda: names.reverse(ip), deliver, self._settings.names_timeout)

    def _remember_local(self, ip: bytes, name: bytes | None) -> None:
        self._local_names.pop(ip, None)
        if len(self._local_names) >= LOCAL_MOST:
            del self._local_names[next(iter(self._local_names))]  # the oldest
        self._local_names[ip] = name, time.monotonic() + NAMELESS_TIME

    def _find_remote_host(self, connection: "Connection") -> None:
        reverse = names.reverse_checked if self._settings.paranoid else names.reverse

        def deliver(answer: bytes | None) -> None:
            connection.remote_host = answer
            self._named(connection)

        self._ask(connection, lambda: reverse(connection.remote_ip), deliver, self._settings.names_timeout)

    def _find_info(self, connection: "Connection") -> None:
        local = (connection.local_ip, connection.local_port)
        remote = (connection.remote_ip, connection.remote_port)
        timeout = self._settings.info_timeout

        def deliver(answer: bytes | None) -> None:
            connection.remote_info = answer
            if connection.visit is not None:
                connection.visit.note_info()
            self._answered(connection)

        self._ask(connection, lambda: ident.ask(local, remote, timeout), deliver, 2 * timeout + GRACE)

    def _ask(
        self, connection: "Connection", question: "Question", deliver: "Deliver", timeout: float
    ) -> None:
        connection.waiting += 1
        self._lookups.ask(question, deliver, timeout)

    def _named(self, connection: "Connection") -> None:
        if connection.visit is not None:
            connection.visit.note_name()
        self._answered(connection)

    def _answered(self, connection: "Connection") -> None:
        connection.waiting -= 1
        if not connection.waiting and connection in self._waiting:
            del self._waiting[connection]
            self._ready(connection)
