"""What the server looks up about a client: host names, and the ident answer.

All look-ups of a client start at once.  The client is ready when the last
answer has come, or its deadline has passed.
"""

import os
import time

from ucspi.tcp import ident, resolver
from ucspi.tcp.namelookups import NameLookups
from ucspi.unix import native, oom

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.tcp.background import Background
    from ucspi.tcp.connection import Connection
    from ucspi.tcp.server.settings import Settings

    Ready = Callable[[Connection], None]
    Fail = Callable[[Connection, OSError | MemoryError], None]

# Seconds in which a local address without a name is not looked up again.
NAMELESS_TIME = 60.0
# Most local addresses whose names are kept: clients choose among them where a network is routed to us.
LOCAL_MOST = 1024
HELPER = b"tcpserver-names"  # the name of the helper in ps; the kernel keeps 15 bytes


def client_lookups(
    settings: "Settings", background: "Background", ready: "Ready", fail: "Fail"
) -> "ClientLookups":
    """Return the look-ups for the clients of a server."""
    server = os.getpid()

    def prepare() -> None:
        oom.take_back()  # the kernel may kill the helper: a new one is soon started
        if native.lib is not None:
            native.lib.usys_help(HELPER, server)

    name_lookups = NameLookups(settings.lookup_limit, background, prepare=prepare)
    return ClientLookups(settings, name_lookups, background, ready, fail)


class ClientLookups:
    """Looks up what the settings ask for about each client."""

    __slots__ = (
        "_background",
        "_fail",
        "_local_names",
        "_looks_up_info",
        "_looks_up_remote",
        "_name_lookups",
        "_ready",
        "_settings",
        "_waiting",
    )

    def __init__(
        self,
        settings: "Settings",
        name_lookups: "NameLookups",
        background: "Background",
        ready: "Ready",
        fail: "Fail",
    ) -> None:
        """Look up nothing yet.

        Args:
            settings: what to look up.
            name_lookups: looks up names.
            background: waits for ident answers; all answers arrive in its turns.
            ready: called with a connection when all its look-ups are done.
            fail: called instead when a look-up fails because memory or the like ran out.
        """
        self._settings, self._name_lookups, self._background = settings, name_lookups, background
        self._ready, self._fail = ready, fail
        self._local_names: dict[bytes, tuple[bytes | None, float]] = {}
        self._waiting: dict[Connection, None] = {}  # in the order in which they were accepted
        self._looks_up_info = settings.lookup_remote_info and settings.info_timeout > 0
        self._looks_up_remote = settings.lookup_remote_host or self._looks_up_info

    def start(self, connection: "Connection") -> None:
        """Start the look-ups of a connection; without any it is ready at once."""
        if connection.user is not None:
            self._ready(connection)  # a client on this machine has no name, and its user is known
            return
        if not self._looks_up_remote and connection.local_host is not None:
            self._ready(connection)
            return
        connection.waiting = 1  # so that it is not ready before all look-ups have started
        self._waiting[connection] = None
        if connection.local_host is None:
            self._look_up_local_host(connection)
        if self._settings.lookup_remote_host and connection in self._waiting:
            self._look_up_remote_host(connection)
        # Behind a balancer nobody can tell: the client's port on us is not known to its host.
        if self._looks_up_info and connection.balancer is None and connection in self._waiting:
            self._look_up_info(connection)
        self._answered(connection, lambda: None)

    def give_up(self) -> "list[Connection]":
        """Return the clients that wait for answers, and forget them: they will never be ready."""
        given_up, self._waiting = list(self._waiting), {}
        return given_up

    def drop(self, connection: "Connection") -> None:
        """Forget a client that is cut off."""
        self._waiting.pop(connection, None)

    def _look_up_local_host(self, connection: "Connection") -> None:
        ip = connection.local_ip
        if not ip:
            return  # a balancer that connected to a UNIX-domain socket did not say
        name, until = self._local_names.get(ip, (None, 0.0))
        if name is not None or time.monotonic() < until:
            connection.local_host = name
            return

        def note(answer: bytes | None) -> None:
            connection.local_host = answer
            self._remember_local(ip, answer)

        self._look_up_name(connection, resolver.REVERSE, ip, note)

    def _remember_local(self, ip: bytes, name: bytes | None) -> None:
        self._local_names.pop(ip, None)
        if len(self._local_names) >= LOCAL_MOST:
            del self._local_names[next(iter(self._local_names))]  # the oldest
        self._local_names[ip] = name, time.monotonic() + NAMELESS_TIME

    def _look_up_remote_host(self, connection: "Connection") -> None:
        def note(answer: bytes | None) -> None:
            connection.remote_host = answer

        kind = resolver.CHECKED if self._settings.paranoid else resolver.REVERSE
        self._look_up_name(connection, kind, connection.remote_ip, note)

    def _look_up_name(
        self, connection: "Connection", kind: int, ip: bytes, note: "Callable[[bytes | None], None]"
    ) -> None:
        def deliver(answer: bytes | None) -> None:
            def take() -> None:
                note(answer)
                if connection.notes is not None:
                    connection.notes.note_name()

            self._answered(connection, take)

        connection.waiting += 1
        fail = self._failing(connection)
        self._name_lookups.look_up(kind, ip, self._settings.names_timeout, deliver, fail)

    def _look_up_info(self, connection: "Connection") -> None:
        def deliver(answer: bytes | None) -> None:
            def take() -> None:
                connection.remote_info = answer
                if connection.notes is not None:
                    connection.notes.note_info()

            self._answered(connection, take)

        connection.waiting += 1
        ident.query(
            self._background,
            (connection.local_ip, connection.local_port),
            (connection.remote_ip, connection.remote_port),
            connection.scope,
            self._settings.info_timeout,
            deliver,
            self._failing(connection),
        )

    def _failing(self, connection: "Connection") -> "Callable[[OSError | MemoryError], None]":
        def fail(error: OSError | MemoryError) -> None:
            if connection in self._waiting:
                del self._waiting[connection]
                self._fail(connection, error)

        return fail

    def _answered(self, connection: "Connection", take: "Callable[[], None]") -> None:
        """Take an answer, unless the client was forgotten; after the last answer it is ready."""
        if connection not in self._waiting:
            return
        try:
            take()
        except MemoryError as error:
            del self._waiting[connection]
            self._fail(connection, error)
            return
        connection.waiting -= 1
        if not connection.waiting:
            del self._waiting[connection]
            self._ready(connection)
