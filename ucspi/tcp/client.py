"""Connecting to a server: its addresses are tried in order, with a time limit for each.

If a host has several addresses, each gets a short time at first, so that a dead
one does not delay a live one for long.  In a second pass, those that did not
answer get a longer time.

Source: cr.yp.to/ucspi-tcp/tcpclient.html, and the original as observed.
"""

import _socket
import errno
import os
import select

from ucspi.decimal import first_digits
from ucspi.errors import ConnectError, NoAddressError
from ucspi.tcp.address import parse_port, require_port, resolve_all
from ucspi.tcp.connection import Connection
from ucspi.unix.socketnames import parse_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    # Called after each attempt that failed for good: address, port, error.
    Report = Callable[[bytes, int, OSError], object]
    Name = tuple[bytes, int] | tuple[bytes, int, int, int]

UNIX = b"unix:"  # the start of a host operand that is a path
GRACE = 0.02  # seconds; the original adds them to every time limit
_INDEX_DIGITS = 10  # most digits of the number of an interface
LONGEST = 2_000_000.0  # seconds; more milliseconds do not fit into poll
_FAILED = b"unable to connect"
BIND_STEP = b"unable to bind socket"


def connect(
    host: bytes,
    port: int | bytes,
    *,
    first: float = 2.0,
    rest: float = 58.0,
    local_ip: bytes | None = None,
    local_port: int = 0,
    no_delay: bool = False,
    report: "Report | None" = None,
) -> Connection:
    """Connect to a host, trying its addresses in order.

    Args:
        host: an address of IPv4 or IPv6, a name, several IPv4 addresses as
            ``1.2.3.4.5.6.7.8``, ``0`` for this machine, or ``unix:/path``.
        port: a number, or an operand for `parse_port`; a path needs none.
        first: seconds for each address in the first pass, if there are several.
        rest: seconds for each address in the second pass.  A single address
            gets ``first + rest`` at once.
        local_ip: the address to connect from; only addresses of its family are
            tried.  None leaves the choice to the system.
        local_port: the port to connect from; 0 leaves the choice to the system.
        no_delay: send data at once, without waiting to fill a packet (TCP_NODELAY).
        report: called after each attempt that failed for good.

    Returns:
        A connection that is blocking and closed on exec.  `Connection.close` it,
        or take its descriptor by `Connection.release`, as in
        ``socket.socket(fileno=connection.release())``.

    Raises:
        BadPortError: ``port`` or ``local_port`` is not within 0 to 65535.
        NoAddressError: the host has no address.
        ConnectError: no attempt succeeded, or a socket could not be made or bound.
        OSError: there is no such service, or the name cannot be looked up now.
    """
    connector = Connector()
    connector.first, connector.rest, connector.no_delay, connector.report = first, rest, no_delay, report
    connector.local_ip, connector.local_port = local_ip, local_port
    if host.startswith(UNIX):
        return connector.connect_path(host.removeprefix(UNIX))
    number = parse_port(port) if isinstance(port, bytes) else require_port(port)
    require_port(local_port)
    return connector.connect(resolve_all(host), number)


class Connector:
    """Connects; its attributes are the arguments of `connect`, with the defaults of the original."""

    __slots__ = ("first", "local_ip", "local_port", "no_delay", "report", "rest")

    def __init__(self) -> None:
        self.first, self.rest = 2.0, 58.0
        self.local_ip: bytes | None = None
        self.local_port = 0
        self.no_delay = False
        self.report: Report | None = None

    def connect(self, ips: list[bytes], port: int) -> Connection:
        """Return a connection to the first of these addresses that answers; raise what `connect` raises."""
        ips = self._reachable(ips)
        passes = [self.first, self.rest] if len(ips) > 1 else [self.first + self.rest]
        failures: list[tuple[bytes, OSError]] = []
        for number, timeout in enumerate(passes, 1):
            is_last = number == len(passes) or passes[number] <= 0
            silent = []  # addresses that did not answer in this pass
            for ip in ips:
                try:
                    return self._attempt(ip, port, timeout)
                except TimeoutError as error:
                    if not is_last:
                        silent.append(ip)
                        continue
                    self._fail(failures, ip, port, error)
                except ConnectError:
                    raise
                except OSError as error:
                    self._fail(failures, ip, port, error)
            ips = silent
        raise ConnectError(_FAILED, failures[-1][1], tuple(failures))

    def _reachable(self, ips: list[bytes]) -> list[bytes]:
        """Return the addresses of the same family as the local one."""
        if self.local_ip is None:
            return ips
        is_ip6 = b":" in self.local_ip
        found = [ip for ip in ips if (b":" in ip) == is_ip6]
        if not found:
            raise NoAddressError(b" ".join(ips))
        return found

    def _fail(self, failures: list[tuple[bytes, OSError]], ip: bytes, port: int, error: OSError) -> None:
        failures.append((ip, error))
        if self.report is not None:
            self.report(ip, port, error)

    def _attempt(self, ip: bytes, port: int, timeout: float) -> Connection:
        is_ip6 = b":" in ip
        sock = _make(_socket.AF_INET6 if is_ip6 else _socket.AF_INET)
        try:
            self._bind(sock)
            _connect(sock, _name(ip, port), timeout)
            if self.no_delay:
                _set_no_delay(sock)
            local, remote = _ends(sock)
        except BaseException:
            sock.close()
            raise
        return Connection(sock.detach(), local[0], local[1], *remote, ip6=is_ip6)

    def _bind(self, sock: _socket.socket) -> None:
        if self.local_ip is None and not self.local_port:
            return
        ip = self.local_ip or (b"::" if sock.family == _socket.AF_INET6 else b"0.0.0.0")
        try:
            sock.bind(_name(ip, self.local_port))
        except OSError as error:
            raise ConnectError(BIND_STEP, error) from None

    def connect_path(self, path: bytes) -> Connection:
        """Return a connection to a UNIX-domain socket; raise what `connect` raises."""
        from ucspi.unix.unixdomain import require_path  # few clients need it

        sock = _make(_socket.AF_UNIX)
        try:
            require_path(path)
            _connect_path(sock, path, self.first + self.rest)
        except OSError as error:
            sock.close()
            if self.report is not None:
                self.report(UNIX + path, 0, error)
            raise ConnectError(_FAILED, error, ((UNIX + path, error),)) from None
        connection = Connection(sock.detach(), b"", 0, b"", 0)
        connection.path = path
        return connection


def _make(family: int) -> _socket.socket:
    try:
        return _socket.socket(family, _socket.SOCK_STREAM)
    except OSError as error:
        raise ConnectError(b"unable to create socket", error) from None


def _set_no_delay(sock: _socket.socket) -> None:
    try:
        sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
    except OSError:
        pass  # the server has closed the connection; its user will notice


def _ends(sock: _socket.socket) -> tuple[tuple[bytes, int, int], tuple[bytes, int, int]]:
    """Return address, port and scope of our end, and of the server's."""
    step = b"unable to get local address"
    try:
        local = parse_name(sock.getsockname())
        step = b"unable to get remote address"
        return local, parse_name(sock.getpeername())
    except OSError as error:
        raise ConnectError(step, error) from None


def _name(ip: bytes, port: int) -> "Name":
    """Return the socket name of an address and a port; the zone of an IPv6 address becomes a number."""
    address, _, zone = ip.partition(b"%")  # bytes: CPython would encode a text as a domain name
    if b":" not in address:
        return address, port
    return address, port, 0, _index(os.fsdecode(zone)) if zone else 0


def _index(zone: str) -> int:
    """Return the number of the interface that a zone names, by name or by number."""
    try:
        if not (zone.isascii() and zone.isdigit()):
            return _socket.if_nametoindex(zone)
        number = first_digits(zone.encode(), _INDEX_DIGITS)
        _socket.if_indextoname(number)
        return number
    except (OSError, OverflowError):  # the OSError has no errno
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV)) from None


def _connect(sock: _socket.socket, name: "Name", timeout: float) -> None:
    """Connect within some seconds; then the socket is blocking."""
    sock.setblocking(False)
    number = sock.connect_ex(name)
    if number == errno.EINPROGRESS:
        poll = select.poll()
        poll.register(sock, select.POLLOUT)
        if not poll.poll(1000 * min(timeout + GRACE, LONGEST)):
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        number = sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
    if number:
        raise OSError(number, os.strerror(number))
    sock.setblocking(True)


def _connect_path(sock: _socket.socket, path: bytes, timeout: float) -> None:
    """Connect to a path within some seconds.

    While the backlog of the server is full, a non-blocking connect fails at once,
    and poll does not tell when there is room.  So this one blocks, with the time
    limit in SO_SNDTIMEO.
    """
    import struct

    timeout = min(timeout + GRACE, LONGEST)
    limit = struct.pack("@ll", int(timeout), int(timeout % 1 * 1_000_000))
    sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, limit)
    try:
        sock.connect(path)
    except BlockingIOError:
        raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from None
    sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, struct.pack("@ll", 0, 0))
