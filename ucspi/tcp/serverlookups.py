"""Finding out about a server what the client program shall know: names, and ident.

As `ucspi.tcp.server.clientlookups` does for the clients of a server, but for one connection,
and with the client's own meaning of no name: empty, where the name server says
that there is none; unknown only where nobody answers.

Source: the original tcpclient as observed.
"""

from ucspi.tcp import ident, resolver
from ucspi.tcp.background import Background
from ucspi.tcp.namelookups import NameLookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.tcp.connection import Connection

NAMES_TIMEOUT = 60.0  # seconds


def look_up(connection: "Connection", *, local: bool, remote: bool, info_timeout: float) -> None:
    """Ask in parallel, and wait until all is answered or given up.

    Args:
        connection: where the answers are noted.
        local: ask for the name of our own address.
        remote: ask for the name of the server's.
        info_timeout: seconds to wait for ident, twice; 0 does not ask.

    Raises:
        OSError, MemoryError: we could not ask, for want of something.
    """
    lookups = _ServerLookups(connection)
    try:
        if local:
            lookups.look_up_name("local_host", connection.local_ip)
        if remote:
            lookups.look_up_name("remote_host", connection.remote_ip)
        if info_timeout > 0:
            lookups.look_up_info(info_timeout)
        lookups.wait()
    finally:
        lookups.close()


class _ServerLookups:
    """What is asked about one connection."""

    __slots__ = ("_background", "_connection", "_failure", "_name_lookups", "_unknown")

    def __init__(self, connection: "Connection") -> None:
        self._connection, self._background = connection, Background()
        self._name_lookups = NameLookups(2, self._background, reap=True)
        self._unknown: set[str] = set()
        self._failure: OSError | MemoryError | None = None

    def look_up_name(self, attribute: str, ip: bytes) -> None:
        self._unknown.add(attribute)
        self._name_lookups.look_up(
            resolver.FIND, ip, NAMES_TIMEOUT, lambda answer: self._note(attribute, answer), self._fail
        )

    def look_up_info(self, timeout: float) -> None:
        self._unknown.add("remote_info")
        connection = self._connection
        ident.query(
            self._background,
            (connection.local_ip, connection.local_port),
            (connection.remote_ip, connection.remote_port),
            connection.scope,
            timeout,
            lambda answer: self._note("remote_info", answer),
            self._fail,
        )

    def _note(self, attribute: str, answer: bytes | None) -> None:
        setattr(self._connection, attribute, answer)
        self._unknown.discard(attribute)

    def _fail(self, error: OSError | MemoryError) -> None:
        self._failure = error

    def wait(self) -> None:
        while self._unknown and self._failure is None:
            self._background.wait()
            self._background.turn()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Leave no child to the program that we become."""
        self._name_lookups.close()
        self._background.close()
