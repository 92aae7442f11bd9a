"""Accepting a TCP connection, with its addresses and options in one step."""

import _socket
import errno
import os

from ucspi.unix import native
from ucspi.unix.socketnames import parse_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    # The descriptor, which the caller has to close; local address and port; remote
    # address and port; interface index of a link-local address, or 0.  An IPv4
    # client of an IPv6 socket has IPv4 addresses here.
    Accepted = tuple[int, bytes, int, bytes, int, int]
    Accept = Callable[[], Accepted | None]


class NoLocalAddressError(Exception):
    """A connection was accepted, but its local address cannot be found.

    ``accepted`` is the connection, without a local address; ``error`` says why.
    """

    def __init__(self, accepted: "Accepted", error: OSError) -> None:
        """Take both."""
        super().__init__(accepted, error)
        self.accepted, self.error = accepted, error


def acceptor(listener: _socket.socket, *, clear_ip_options: bool, no_delay: bool) -> "Accept":
    """Return a function that accepts one connection from a non-blocking listener.

    The connection is blocking and closed on exec.  The function returns None if no
    client waits.  It raises OSError if accept(2) fails, `NoLocalAddressError`, or
    MemoryError; then the client was cut off.

    Args:
        listener: the listening socket, of IPv4 or IPv6.
        clear_ip_options: remove IP options, for example a source route.
        no_delay: set TCP_NODELAY, so that small packets are sent at once.
    """
    make = _python_acceptor if native.lib is None else _native_acceptor
    return make(listener, clear_ip_options, no_delay)


def _native_acceptor(listener: _socket.socket, clear_ip_options: bool, no_delay: bool) -> "Accept":
    lib, text = native.lib, native.ffi.string
    client = native.ffi.new("struct usys_client *")
    number = listener.fileno()
    flags = lib.USYS_CLEAR_IP_OPTIONS * clear_ip_options | lib.USYS_NO_DELAY * no_delay

    def accept() -> "Accepted | None":
        descriptor = lib.usys_accept(number, flags, client)
        if descriptor < 0:
            if descriptor == -errno.EAGAIN:
                return None
            raise OSError(-descriptor, os.strerror(-descriptor))
        try:
            accepted = (
                descriptor,
                text(client.local_ip),
                client.local_port,
                text(client.remote_ip),
                client.remote_port,
                client.scope,
            )
        except MemoryError:
            os.close(descriptor)
            raise
        if client.error:
            raise NoLocalAddressError(accepted, OSError(client.error, os.strerror(client.error)))
        return accepted

    return accept


def _python_acceptor(listener: _socket.socket, clear_ip_options: bool, no_delay: bool) -> "Accept":
    def accept() -> "Accepted | None":
        try:
            # accept4 with close-on-exec; the new socket is blocking.
            descriptor, peer = listener._accept()  # type: ignore[attr-defined]
        except BlockingIOError:
            return None
        connection = _socket.socket(listener.family, listener.type, 0, descriptor)
        remote = parse_name(peer)
        try:
            if clear_ip_options:
                _set(connection, _socket.IPPROTO_IP, _socket.IP_OPTIONS, b"")
            if no_delay:
                _set(connection, _socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            ip, port, scope = parse_name(connection.getsockname())
        except OSError as error:
            raise NoLocalAddressError((connection.detach(), b"", 0, *remote), error) from error
        return connection.detach(), ip, port, *remote[:2], scope or remote[2]

    return accept


def _set(connection: _socket.socket, level: int, option: int, value: "int | bytes") -> None:
    """Set an option; if that fails the connection is gone, which its user will notice."""
    try:
        connection.setsockopt(level, option, value)
    except OSError:
        pass
