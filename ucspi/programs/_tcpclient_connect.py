"""Connects as tcpclient does, with its messages; the small clients connect so, too."""

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
    """Return the name of the server in messages."""
    return host if host.startswith(UNIX) else b"%s port %d" % (host, port)


def find_port(host: bytes, operand: bytes) -> int:
    """Return the port to connect to; for a Unix socket it is 0, and the operand is ignored.

    Raises:
        Stop: there is no such service or port.
    """
    return 0 if host.startswith(UNIX) else _options.port(PROGRAM, operand)


def connect(connector: Connector, host: bytes, port: int, verbosity: int = 1) -> "Connection":
    """Connect; print which addresses failed unless ``verbosity`` is 0.

    Raises:
        Stop: no connection was made; its line is empty if failures were printed.
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
