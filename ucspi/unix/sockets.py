"""Accepting connections, with all that is asked of every one in one step."""

import _socket
import errno
import os

from ucspi.unix import native
from ucspi.unix.socketnames import parse_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    # Descriptor, which the caller owns; local address and port; remote address
    # and port; index of the interface of a link-local address, or 0.  An IPv4
    # client of an IPv6 socket has IPv4 addresses.
    Accepted = tuple[int, bytes, int, bytes, int, int]
    Accept = Callable[[], Accepted | None]


class NoLocalAddressError(Exception):
    """A connection was accepted, but its local address cannot be found.

    ``accepted`` is it, with no local address; ``error`` says why.
    """

    def __init__(self, accepted: "Accepted", error: OSError) -> None:
        """Note both."""
        super().__init__(accepted, error)
        self.accepted, self.error = accepted, error


def acceptor(listener: _socket.socket, *, clear_ip_options: bool, no_delay: bool) -> "Accept":
    """Return a function that accepts one connection from a non-blocking listener.

    The connection blocks and is closed on exec.  The function returns None when
    no client is there, and raises OSError as accept(2) fails,
    `NoLocalAddressError`, or MemoryError, when the client is cut off.

    Args:
        listener: the listening socket, of IPv4 or IPv6.
        clear_ip_options: remove IP options, such as a source route.
        no_delay: never wait for more data to fill a packet (TCP_NODELAY).
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
            # accept4 with close-on-exec; the new socket blocks, whatever this one does.
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
    """Set an option; a connection that refuses is gone, and its user will be told."""
    try:
        connection.setsockopt(level, option, value)
    except OSError:
        pass
