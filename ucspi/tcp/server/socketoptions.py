"""Options of the kernel for TCP listeners: how to bind, when to accept, how long a vanished client is kept.

All are set on the listener.  On Linux the socket that accept() returns has
those of the listener, so no client costs a system call for them.  Measured with
6.18, on 127.0.0.1, ::1 and ::, set before bind or after listen, the accepted
socket has the same SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT and
TCP_USER_TIMEOUT (and SO_REUSEPORT, SO_BINDTODEVICE, IP_FREEBIND, TCP_NODELAY);
TCP_DEFER_ACCEPT alone is 0 there, and SO_PRIORITY.
"""

import _socket
import errno
import sys

from ucspi.decimal import whole_number
from ucspi.tcp.server.listener import OptionRefusedError
from ucspi.unix.errtext import describe

TIME_MAX = 32767  # seconds; source: MAX_TCP_KEEPIDLE and MAX_TCP_KEEPINTVL in the kernel's tcp.h
COUNT_MAX = 127  # MAX_TCP_KEEPCNT
DEVICE_MAX = 15  # bytes of an interface's name
INT_MAX = 2**31 - 1
# Python has no name for it.  It is true of IPv6 sockets too.  Source: linux/in.h.
IP_FREEBIND = 15 if sys.platform == "linux" else None

BINDING = (b"reuse-port", b"bind-to-device", b"free-bind")  # these come too late for a socket that is passed

_KEEPALIVE = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
_REASONS = {
    errno.ENOPROTOOPT: b"this kernel has no such option; leave it out",
    errno.EOPNOTSUPP: b"this kernel has no such option; leave it out",
    errno.EPERM: b"permission denied; it may need CAP_NET_RAW",
    errno.ENODEV: b"there is no such interface",
}


class SocketOptions:
    """The options that the command line asks for; the others stay as the kernel has them.

    Attributes:
        given: the words of the command line, in its order.
    """

    __slots__ = ("_defer_accept", "_device", "_keepalive", "given")

    def __init__(self) -> None:
        self.given: list[bytes] = []
        self._keepalive: tuple[int, ...] = ()  # idle time in seconds, or that, interval and count
        self._defer_accept = 0  # seconds
        self._device = b""

    def take(self, word: bytes, value: bytes) -> None:
        """Take an option of the command line; a flag has an empty value.

        Raises:
            ValueError: the value makes no sense; the text says what is wanted.
        """
        if word == b"keepalive":
            self._keepalive = _parse_keepalive(value)
        elif word == b"defer-accept":
            self._defer_accept = whole_number(value, TIME_MAX) or 0
            if not self._defer_accept:
                raise ValueError(f"seconds from 1 to {TIME_MAX}")
        elif word == b"bind-to-device":
            if not 0 < len(value) <= DEVICE_MAX:
                raise ValueError(f"the name of an interface, at most {DEVICE_MAX} bytes")
            self._device = value
        self.given.append(word)

    def configure(self, sock: _socket.socket) -> None:
        """Set all on a socket that is not bound yet.

        Raises:
            OptionRefusedError: the kernel has no such option, or forbids it.
        """
        if b"reuse-port" in self.given:
            _set(sock, b"--reuse-port", _socket.SOL_SOCKET, _number("SO_REUSEPORT"), 1)
        if b"free-bind" in self.given:
            _set(sock, b"--free-bind", _socket.IPPROTO_IP, IP_FREEBIND, 1)
        if self._device:
            what = b"--bind-to-device " + self._device
            _set(sock, what, _socket.SOL_SOCKET, _number("SO_BINDTODEVICE"), self._device)
        self.adjust(sock)

    def adjust(self, sock: _socket.socket) -> None:
        """Set what can be set on a socket that listens; it counts from the next client on.

        Raises:
            OptionRefusedError: the kernel has no such option, or forbids it.
        """
        if self._keepalive:
            self._keep_alive(sock)
        if self._defer_accept:
            level, option = _socket.IPPROTO_TCP, _number("TCP_DEFER_ACCEPT")
            _set(sock, b"--defer-accept", level, option, self._defer_accept)

    def _keep_alive(self, sock: _socket.socket) -> None:
        what, level = b"--keepalive", _socket.IPPROTO_TCP
        _set(sock, what, _socket.SOL_SOCKET, _number("SO_KEEPALIVE"), 1)
        for name, value in zip(_KEEPALIVE, self._keepalive, strict=False):
            _set(sock, what, level, _number(name), value)
        idle, interval, count = (sock.getsockopt(level, getattr(_socket, name)) for name in _KEEPALIVE)
        # Probes are not sent while data waits for its acknowledgement.  Without this, a
        # client that vanishes then would be noticed by retransmission only, after 15 minutes.
        milliseconds = min(1000 * (idle + interval * count), INT_MAX)
        _set(sock, what, level, _number("TCP_USER_TIMEOUT"), milliseconds)


def _parse_keepalive(value: bytes) -> tuple[int, ...]:
    parts = value.split(b"/")
    numbers = [
        whole_number(part, largest)
        for part, largest in zip(parts, (TIME_MAX, TIME_MAX, COUNT_MAX), strict=False)
    ]
    known = tuple(number for number in numbers if number)
    if len(parts) not in (1, 3) or len(known) < len(parts):
        raise ValueError(
            f"IDLE or IDLE/INTERVAL/COUNT, seconds from 1 to {TIME_MAX} and a count from 1 to {COUNT_MAX}"
        )
    return known


def _number(name: str) -> int | None:
    """Return the number of an option, None where this Python was built without it."""
    return getattr(_socket, name, None)


def _set(sock: _socket.socket, what: bytes, level: int, option: int | None, value: "int | bytes") -> None:
    try:
        if option is None:
            raise OSError(errno.ENOPROTOOPT, "")
        sock.setsockopt(level, option, value)
    except OSError as error:
        reason = _REASONS.get(error.errno or 0) or describe(error.errno)
        raise OptionRefusedError(b"unable to set %s: %s" % (what, reason)) from error
