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
    from ucspi.tcp.lookups import Lookups
    from ucspi.tcp.settings import Settings

# How long a local address without a name is not asked about again, in seconds.
NAMELESS_TIME = 60.0
# What a thread may need beyond ident's own two time-outs before it is given up.
GRACE = 1.0


class Facts:
    """Asks, for each connection, what the settings say."""

    __slots__ = ("_local_names", "_lookups", "_ready", "_settings")

    def __init__(
        self, settings: "Settings", lookups: "Lookups", ready: "Callable[[Connection], None]"
    ) -> None:
        """``ready`` is called with a connection once everything asked about it is answered."""
        self._settings, self._lookups, self._ready = settings, lookups, ready
        self._local_names: dict[bytes, tuple[bytes | None, float]] = {}

    def find(self, connection: "Connection") -> None:
        """Ask what must be asked; when nothing must, the connection is ready at once."""
        settings = self._settings
        connection.waiting = 1  # until all questions are put
        self._find_local_host(connection)
        if settings.lookup_remote_host:
            reverse = names.reverse_checked if settings.paranoid else names.reverse
            self._ask(
                connection,
                "remote_host",
                lambda: reverse(connection.remote_ip),
                settings.names_timeout,
            )
        if settings.ask_info and settings.info_timeout > 0:
            self._ask_info(connection)
        self._answered(connection)

    def _find_local_host(self, connection: "Connection") -> None:
        settings, ip = self._settings, connection.local_ip
        if connection.local_host is not None:
            return
        name, until = self._local_names.get(ip, (None, 0.0))
        if name is not None or time.monotonic() < until:
            connection.local_host = name
            return
        self._ask(connection, "local_host", lambda: names.reverse(ip), settings.names_timeout)

    def _ask_info(self, connection: "Connection") -> None:
        local = (connection.local_ip, connection.local_port)
        remote = (connection.remote_ip, connection.remote_port)
        timeout = self._settings.info_timeout
        self._ask(connection, "remote_info", lambda: ident.ask(local, remote, timeout), 2 * timeout + GRACE)

    def _ask(
        self, connection: "Connection", fact: str, question: "Callable[[], bytes | None]", timeout: float
    ) -> None:
        def deliver(answer: bytes | None) -> None:
            setattr(connection, fact, answer)
            if fact == "local_host":
                self._local_names[connection.local_ip] = (answer, time.monotonic() + NAMELESS_TIME)
            self._answered(connection)

        connection.waiting += 1
        self._lookups.ask(question, deliver, timeout)

    def _answered(self, connection: "Connection") -> None:
        connection.waiting -= 1
        if not connection.waiting:
            self._ready(connection)
