"""Finding out about a server what the client program shall know: names, and ident.

As `ucspi.tcp.server.clientlookups` does for the clients of a server, but for one connection,
and with the client's own meaning of no name: empty, where the name server says
that there is none; unknown only where nobody answers.

Source: the original tcpclient as observed.
"""

from ucspi.tcp import ident, resolver
from ucspi.tcp.background import Background
from ucspi.tcp.lookups import Lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.tcp.connection import Connection

NAMES_TIMEOUT = 60.0  # seconds


def inquire(connection: "Connection", *, local: bool, remote: bool, info_timeout: float) -> None:
    """Ask in parallel, and wait until all is answered or given up.

    Args:
        connection: where the answers are noted.
        local: ask for the name of our own address.
        remote: ask for the name of the server's.
        info_timeout: seconds to wait for ident, twice; 0 does not ask.

    Raises:
        OSError, MemoryError: we could not ask, for want of something.
    """
    inquiry = _Inquiry(connection)
    try:
        if local:
            inquiry.ask_name("local_host", connection.local_ip)
        if remote:
            inquiry.ask_name("remote_host", connection.remote_ip)
        if info_timeout > 0:
            inquiry.ask_info(info_timeout)
        inquiry.wait()
    finally:
        inquiry.close()


class _Inquiry:
    """What is asked about one connection."""

    __slots__ = ("_background", "_connection", "_failure", "_lookups", "_unknown")

    def __init__(self, connection: "Connection") -> None:
        self._connection, self._background = connection, Background()
        self._lookups = Lookups(2, self._background, reap=True)
        self._unknown: set[str] = set()
        self._failure: OSError | MemoryError | None = None

    def ask_name(self, fact: str, ip: bytes) -> None:
        self._unknown.add(fact)
        self._lookups.ask(
            resolver.FIND, ip, NAMES_TIMEOUT, lambda answer: self._note(fact, answer), self._fail
        )

    def ask_info(self, timeout: float) -> None:
        self._unknown.add("remote_info")
        connection = self._connection
        ident.ask(
            self._background,
            (connection.local_ip, connection.local_port),
            (connection.remote_ip, connection.remote_port),
            connection.scope,
            timeout,
            lambda answer: self._note("remote_info", answer),
            self._fail,
        )

    def _note(self, fact: str, answer: bytes | None) -> None:
        setattr(self._connection, fact, answer)
        self._unknown.discard(fact)

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
        self._lookups.close()
        self._background.close()
