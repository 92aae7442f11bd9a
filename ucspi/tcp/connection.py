"""A connection: its descriptor, and what is known about both ends."""

import _socket
import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.tcp.clientnotes import ClientNotes


class Connection:
    """One connection, accepted or made.  Names are None when unknown or not looked up.

    It owns its descriptor until `release` or `close`.
    """

    __slots__ = (
        "descriptor",
        "ip6",
        "is_counted",
        "local_host",
        "local_ip",
        "local_port",
        "notes",
        "path",
        "remote_host",
        "remote_info",
        "remote_ip",
        "remote_port",
        "scope",
        "user",
        "waiting",
    )

    def __init__(
        self,
        descriptor: int,
        local_ip: bytes,
        local_port: int,
        remote_ip: bytes,
        remote_port: int,
        scope: int = 0,
        *,
        ip6: bool = False,
    ) -> None:
        """Own a connected socket's descriptor.

        Args:
            descriptor: the socket.
            local_ip: the address at our end.
            local_port: its port.
            remote_ip: the address at the other end; IPv4 if the client has IPv4, also on an IPv6 socket.
            remote_port: its port.
            scope: index of the interface of a link-local address at either end, or 0.
            ip6: whether it is an IPv6 socket.
        """
        self.descriptor = descriptor
        self.local_ip, self.local_port = local_ip, local_port
        self.remote_ip, self.remote_port = remote_ip, remote_port
        self.scope, self.ip6 = scope, ip6
        self.user: tuple[int, int] | None = None  # uid and gid of a UNIX-domain client
        self.local_host: bytes | None = None
        self.remote_host: bytes | None = None
        self.remote_info: bytes | None = None
        self.path: bytes | None = None  # of the UNIX-domain socket that a client program connected to
        self.waiting = 0  # look-ups not yet answered
        self.is_counted = False  # in the census of a server
        self.notes: ClientNotes | None = None  # for a JSON log or a status file

    def print_at_once(self, text: bytes) -> None:
        """Send a text without waiting for the client to read.

        Raises:
            OSError: not all of it could be sent at once.
        """
        # The family does not matter for sending.
        connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, self.descriptor)
        try:
            sent = connection.send(text, _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL)
        finally:
            connection.detach()
        if sent < len(text):
            raise BlockingIOError(errno.EAGAIN, "the client does not read")

    def release(self) -> int:
        """Return the descriptor; the caller owns it from now on."""
        descriptor, self.descriptor = self.descriptor, -1
        return descriptor

    def close(self) -> None:
        """Close the descriptor, unless it was released; a second call does nothing."""
        if self.descriptor >= 0:
            os.close(self.release())
