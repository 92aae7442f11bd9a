"""What tcpclient looks up about the server that it has connected to: host names, and the ident answer.

A name is empty if the name server says that there is none, and unknown only if
there is no answer.  (For tcpserver both are unknown.)

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
    """Do all look-ups in parallel, and return when each has an answer or has timed out.

    Args:
        connection: gets the answers.
        local: whether to look up the name of our own address.
        remote: whether to look up the name of the server's address.
        info_timeout: seconds for ident to connect, and again for its reply; 0 for no ident query.

    Raises:
        OSError, MemoryError: a look-up failed because memory or the like ran out.
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
    """The look-ups of one connection."""

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
        """End the helper process: the client program must not inherit a child."""
        self._name_lookups.close()
        self._background.close()
