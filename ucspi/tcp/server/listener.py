"""Listening sockets: made here, or inherited from the process that started the server."""

import _socket
import errno
import fcntl
import posix as os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.unix.unixdomain import SocketFile

# Errors of ``accept`` that come from one client: it has gone, or the network to it
# failed.  The next client may be fine.  Source: accept(2).
CLIENT_ERRORS = frozenset(
    (
        errno.EINTR,
        errno.ECONNABORTED,
        errno.EPROTO,
        errno.EPERM,
        errno.ENETDOWN,
        errno.ENOPROTOOPT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        getattr(errno, "ENONET", errno.ENETDOWN),
        errno.EOPNOTSUPP,
    )
)


class ListenError(Exception):
    """A step of `listen` failed: ``step`` is what the original calls it, ``error`` the reason."""

    def __init__(self, step: bytes, error: OSError) -> None:
        super().__init__(step, error)
        self.step, self.error = step, error


class OptionRefusedError(Exception):
    """The kernel has no such option for a listener, or forbids it; ``text`` is the whole message."""

    def __init__(self, text: bytes) -> None:
        super().__init__(text)
        self.text = text


class Listener:
    """A bound, listening, non-blocking socket, closed on exec.

    A TCP listener has a port and no path.  A UNIX-domain listener has a path, and port 0.
    """

    __slots__ = ("_file", "_is_adopted", "_was_blocking", "ip6", "path", "port", "socket")

    def __init__(
        self, sock: _socket.socket, file: "SocketFile | None" = None, *, is_adopted: bool = False
    ) -> None:
        """Own a socket that already listens, and the file that was made for it, if any.

        An adopted socket is shared with the process that opened it, and so is its
        O_NONBLOCK flag.  `close` sets the flag back.
        """
        self.socket, self._file = sock, file
        self._is_adopted, self._was_blocking = is_adopted, False
        self.ip6 = sock.family == _socket.AF_INET6
        self.path: bytes | None = None
        self.port = 0
        if sock.family == _socket.AF_UNIX:
            name = sock.getsockname()
            if not isinstance(name, bytes):  # the path of a file
                name = name.encode(sys.getfilesystemencoding(), "surrogateescape")
            self.path = name.replace(b"\0", b"@")  # an abstract name, as unix(7) and ss(8) show it
        else:
            self.port = sock.getsockname()[1]

    @property
    def place(self) -> bytes:
        """Where it listens, in the form of ``--listen``."""
        if self.path is not None:
            return b"unix:" + self.path
        name = self.socket.getsockname()
        return (b"[%s]:%d" if ":" in name[0] else b"%s:%d") % (name[0].encode(), name[1])

    def fileno(self) -> int:
        """Return the descriptor, for poll."""
        return self.socket.fileno()

    def keep_nonblocking(self) -> None:
        """Set O_NONBLOCK again if somebody cleared it on an adopted socket: accept must never wait."""
        if self._is_adopted and os.get_blocking(self.fileno()):
            self._was_blocking = True
            os.set_blocking(self.fileno(), False)

    def close(self) -> None:
        """Stop listening; clients in the backlog are refused.  A second call does nothing."""
        if self._was_blocking:
            os.set_blocking(self.fileno(), True)
            self._was_blocking = False
        if self._file is not None:
            self._file.remove()
            self._file = None
        self.socket.close()


def listen(
    ip: bytes, port: int, backlog: int, configure: "Callable[[_socket.socket], None] | None" = None
) -> Listener:
    """Bind and listen on an address as `resolve` returns it; port 0 is any free one.

    ``::`` serves IPv4 clients too.  ``configure`` sets further options before the socket is bound.

    Raises:
        ListenError: with the step that failed; nothing is left open.
        OptionRefusedError: by ``configure``; likewise.
    """
    step = b"unable to create socket"
    try:
        sock = _socket.socket(_socket.AF_INET6 if b":" in ip else _socket.AF_INET, _socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        if b":" in ip:
            sock.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, ip != b"::")
        if configure is not None:
            configure(sock)
        step = b"unable to bind"
        sock.bind((ip.decode(), port))
        step = b"unable to listen"
        sock.listen(backlog)
        step = b"unable to get local address"
        return Listener(sock)
    except OSError as error:
        raise ListenError(step, error) from error


def adopt(descriptor: int) -> Listener:
    """Return a listener for a socket that another process has bound and listens on.

    The listener has a copy of the descriptor; the descriptor stays open.  Copies
    share O_NONBLOCK, which is set until the listener is closed.

    Raises:
        ListenError: it is not open, or not a listening TCP or UNIX stream socket.
    """
    try:
        sock = _socket.socket(fileno=fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3))
        if not sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ACCEPTCONN):
            raise OSError(errno.EINVAL, "not listening")
        if sock.family not in (_socket.AF_INET, _socket.AF_INET6, _socket.AF_UNIX):
            raise OSError(errno.EAFNOSUPPORT, "not of TCP")
        if sock.type != _socket.SOCK_STREAM:
            raise OSError(errno.EPROTONOSUPPORT, "no stream")
        listener = Listener(sock, is_adopted=True)
        listener.keep_nonblocking()
        return listener
    except OSError as error:
        raise ListenError(b"unable to listen on descriptor %d" % descriptor, error) from error
