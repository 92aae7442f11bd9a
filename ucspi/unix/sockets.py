"""Accepting connections, with all that is asked of every one in one step."""

import _socket
import errno
import os

from ucspi.unix import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NamedTuple

    class Accepted(NamedTuple):
        """A connection and both its ends; the caller owns the descriptor."""

        descriptor: int
        local_ip: bytes
        remote_ip: bytes
        remote_port: int

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
    """Return a function that accepts one connection from a non-blocking IPv4 listener.

    The connection blocks and is closed on exec.  The function returns None when
    no client is there, and raises OSError as accept(2) fails, or
    `NoLocalAddressError`.

    Args:
        listener: the listening socket.
        clear_ip_options: remove IP options, such as a source route.
        no_delay: never wait for more data to fill a packet (TCP_NODELAY).
    """
    make = _python_acceptor if _native.lib is None else _native_acceptor
    return make(listener, clear_ip_options, no_delay)


def _native_acceptor(listener: _socket.socket, clear_ip_options: bool, no_delay: bool) -> "Accept":
    lib, text = _native.lib, _native.ffi.string
    client = _native.ffi.new("struct usys_client *")
    number = listener.fileno()
    flags = lib.USYS_CLEAR_IP_OPTIONS * clear_ip_options | lib.USYS_NO_DELAY * no_delay

    def accept() -> "Accepted | None":
        descriptor = lib.usys_accept(number, flags, client)
        if descriptor < 0:
            if descriptor == -errno.EAGAIN:
                return None
            raise OSError(-descriptor, os.strerror(-descriptor))
        accepted = (descriptor, text(client.local_ip), text(client.remote_ip), client.remote_port)
        if client.error:
            raise NoLocalAddressError(accepted, OSError(client.error, os.strerror(client.error)))  # type: ignore[arg-type]
        return accepted  # type: ignore[return-value]

    return accept


def _python_acceptor(listener: _socket.socket, clear_ip_options: bool, no_delay: bool) -> "Accept":
    def accept() -> "Accepted | None":
        try:
            # accept4 with close-on-exec; the new socket blocks, whatever this one does.
            descriptor, peer = listener._accept()  # type: ignore[attr-defined]
        except BlockingIOError:
            return None
        connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, descriptor)
        try:
            if clear_ip_options:
                _set(connection, _socket.IPPROTO_IP, _socket.IP_OPTIONS, b"")
            if no_delay:
                _set(connection, _socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            local = connection.getsockname()[0].encode()
        except OSError as error:
            accepted = (connection.detach(), b"", peer[0].encode(), peer[1])
            raise NoLocalAddressError(accepted, error) from error  # type: ignore[arg-type]
        return connection.detach(), local, peer[0].encode(), peer[1]  # type: ignore[return-value]

    return accept


def _set(connection: _socket.socket, level: int, option: int, value: "int | bytes") -> None:
    """Set an option; a connection that refuses is gone, and its user will be told."""
    try:
        connection.setsockopt(level, option, value)
    except OSError:
        pass
