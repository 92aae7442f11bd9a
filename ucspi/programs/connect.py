"""``ucspi connect [ --from ADDRESS ] HOST PORT``: a client to try a server with.

Copies standard input to the connection, and the connection to standard output.
At the end of the input it closes only its half and goes on until the server
closes the other, so no answer is lost.  It holds at most one block in each
direction.
"""

import _socket
import errno
import os
import select

from ucspi.decimal import whole_number
from ucspi.errors import ConnectError, NoAddressError
from ucspi.exits import EXIT_USAGE
from ucspi.programs._options import long_values
from ucspi.programs._program import Stop, fatal, run
from ucspi.tcp.address import look_up, resolve_all
from ucspi.tcp.client import BIND_STEP, Connector
from ucspi.unix.output import say, write_all

USAGE = b"usage: ucspi connect [ --from address ] host port"
CONNECT_TIMEOUT = 10.0  # seconds for each address of the host
BLOCK = 65536  # bytes


def main(argv: list[bytes] | None = None) -> int:
    """Connect and copy until the server closes; return 0, or 111 when that failed."""
    return run(_body, argv, b"connect: " + USAGE)


def _body(argv: list[bytes]) -> int:
    source, host, port = _source_host_port(argv[1:])
    connection = _connect(source, host, port)
    if _Copy(connection).run():
        say(b"connect: closed by " + host)
    return 0


def _source_host_port(operands: list[bytes]) -> tuple[bytes | None, bytes, int]:
    source = None
    for source in long_values(b"connect", b"--from", operands, USAGE):
        if not source:
            raise Stop(b"connect: --from needs an address; " + USAGE, EXIT_USAGE)
    if len(operands) != 2:
        raise Stop(b"connect: " + USAGE, EXIT_USAGE)
    host, port = operands
    number = whole_number(port, 65535)
    if not number:
        raise Stop(b"connect: the port must be a number from 1 to 65535, not %s" % port, EXIT_USAGE)
    return source, host, number


def _connect(source: bytes | None, host: bytes, port: int) -> _socket.socket:
    """Return a non-blocking connection to the first address of the host that answers."""
    connector = Connector()
    connector.local_ip = source
    connector.first, connector.rest = CONNECT_TIMEOUT, 0.0
    try:
        connection = connector.connect(_addresses(host), port)
    except NoAddressError:
        raise fatal(b"connect", b"no address for " + host) from None
    except ConnectError as error:
        raise _stop(error, source, host, port) from None
    made = _socket.socket(fileno=connection.release())
    made.setblocking(False)
    return made


def _addresses(host: bytes) -> list[bytes]:
    try:
        # With a zone it is an address, which the system resolver would give back without the zone.
        return resolve_all(host) if b"%" in host else look_up(host)
    except OSError:
        raise NoAddressError(host) from None


def _stop(failure: ConnectError, source: bytes | None, host: bytes, port: int) -> Stop:
    if failure.failures:
        return fatal(b"connect", b"unable to connect to %s port %d" % (host, port), failure.error)
    if failure.step == BIND_STEP and source is not None:
        error = failure.error
        if isinstance(error, _socket.gaierror):  # its errno is none of the system
            error = OSError(errno.EADDRNOTAVAIL, "")
        return fatal(b"connect", b"unable to bind to " + source, error)
    return fatal(b"connect", failure.step, failure.error)


class _Copy:
    """Copies both directions until the server closes its half."""

    __slots__ = ("connection", "reading", "waiting")

    def __init__(self, connection: _socket.socket) -> None:
        self.connection = connection
        self.reading = True  # standard input has not ended
        self.waiting = b""  # read from standard input, but not sent yet

    def run(self) -> bool:
        """Copy; return whether the server closed before the end of the input."""
        try:
            while self._step():
                pass
        except (ConnectionResetError, BrokenPipeError):
            pass
        return self.reading

    def _step(self) -> bool:
        """Wait until something can be copied, and copy it; return False when the server has closed."""
        poll = select.poll()
        poll.register(self.connection, select.POLLIN | (select.POLLOUT if self.waiting else 0))
        if self.reading and not self.waiting:
            poll.register(0, select.POLLIN)
        ready = dict(poll.poll())
        network = ready.get(self.connection.fileno(), 0)
        if network & ~select.POLLOUT and not self._receive():
            return False
        if network & select.POLLOUT:
            self._send()
        if 0 in ready:
            self._read()
        return True

    def _receive(self) -> bool:
        try:
            block = self.connection.recv(BLOCK)
        except BlockingIOError:
            return True
        try:
            write_all(1, block)
        except OSError as error:
            raise fatal(b"connect", b"unable to write output", error) from None
        return bool(block)

    def _read(self) -> None:
        try:
            self.waiting = os.read(0, BLOCK)
        except OSError as error:
            raise fatal(b"connect", b"unable to read input", error) from None
        self.reading = bool(self.waiting)
        if not self.reading:
            self.connection.shutdown(_socket.SHUT_WR)

    def _send(self) -> None:
        try:
            sent = self.connection.send(self.waiting)
        except BlockingIOError:
            sent = 0
        self.waiting = self.waiting[sent:]
