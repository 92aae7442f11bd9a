"""Connecting as tcpclient does, with its messages; its small companions share it."""

from ucspi.errors import ConnectError, NoAddressError
from ucspi.exits import EXIT_TEMPORARY
from ucspi.programs import _options
from ucspi.programs._program import Stop, fatal
from ucspi.programs._tcpclient_options import PROGRAM
from ucspi.tcp.address import resolve_all
from ucspi.tcp.client import UNIX, Connector
from ucspi.unix.errtext import describe
from ucspi.unix.output import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.tcp.connection import Connection


def server_name(host: bytes, port: int) -> bytes:
    """Return what messages call the server."""
    return host if host.startswith(UNIX) else b"%s port %d" % (host, port)


def find_port(host: bytes, operand: bytes) -> int:
    """Return the port to connect to; a Unix socket has none, whatever is given.

    Raises:
        Stop: no such service, or no such port.
    """
    return 0 if host.startswith(UNIX) else _options.port(PROGRAM, operand)


def connect(connector: Connector, host: bytes, port: int, verbosity: int = 1) -> "Connection":
    """Connect; say what failed unless ``verbosity`` is 0.

    Raises:
        Stop: no connection; its line is empty where all has been said.
    """
    if verbosity:
        connector.report = _report
    try:
        if host.startswith(UNIX):
            return connector.connect_path(host.removeprefix(UNIX))
        return connector.connect(_addresses(host), port)
    except NoAddressError:
        raise fatal(PROGRAM, b"no IP address for " + host) from None
    except ConnectError as error:
        if error.failures:
            raise Stop(b"", EXIT_TEMPORARY) from None
        raise fatal(PROGRAM, error.step, error.error) from None


def _report(host: bytes, port: int, error: OSError) -> None:
    say(b"%s: unable to connect to %s: %s" % (PROGRAM, server_name(host, port), describe(error.errno)))


def _addresses(host: bytes) -> list[bytes]:
    try:
        return resolve_all(host)
    except OSError as error:
        raise fatal(PROGRAM, b"temporarily unable to figure out IP address for " + host, error) from None
