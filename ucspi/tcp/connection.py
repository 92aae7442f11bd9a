"""A connection: its descriptor, and what is known about both ends."""

import _socket
import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from ucspi.tcp.clientnotes import ClientNotes

    class Tls(Protocol):
        """The TLS of a connection whose bytes another process moves."""

        identity: bytes  # what the kernel knows the connection by; may be empty
        assignments: tuple[tuple[bytes, bytes], ...]  # of the rule that has allowed the address
        seconds: int | None  # that this rule gives it
        rule: bytes | None  # that has decided about the certificate; None: there is none

        def hand_over(self, connection: "Connection", greeting: bytes, *, is_pair: bool) -> None:
            """Give the connection descriptors for its handler.

            Raises:
                OSError: there is no descriptor left, or the process is gone; the connection has been closed.
            """

        def say(self, text: bytes) -> None:
            """Have the client get a text before `close` ends its connection."""

        def close(self) -> None:
            """End the connection, unless it has a handler."""

        def is_open(self) -> bool:
            """Return whether `close` has something to end."""
            ...

        def certificate(self) -> tuple[bytes | None, tuple[bytes, ...]]:
            """Return the certificate that was proved: its fingerprint, None without one, and its names."""
            ...

        def add_to(self, variables: dict[bytes, bytes]) -> None:
            """Add what the handshake has proved, and remove what others say of it."""

        def fields(self) -> dict[bytes, bytes | None]:
            """Return what it has proved, for JSON."""
            ...


class Balancer:
    """The balancer that a client came through, and what it said of the client besides addresses."""

    __slots__ = ("ip", "port", "variables")

    def __init__(self, ip: bytes, port: int, variables: "Sequence[tuple[bytes, bytes]]" = ()) -> None:
        """Take its own address, as a `Connection` has it, and names and values for the environment."""
        self.ip, self.port, self.variables = ip, port, variables


class Connection:
    """One connection, accepted or made.  Names are None when unknown or not looked up.

    It owns its descriptor until `release` or `close`.
    """

    __slots__ = (
        "balancer",
        "descriptor",
        "ip6",
        "is_counted",
        "local_host",
        "local_ip",
        "local_port",
        "notes",
        "output",
        "path",
        "pid",
        "remote_host",
        "remote_info",
        "remote_ip",
        "remote_port",
        "scope",
        "tls",
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
        self.balancer: Balancer | None = None  # whose PROXY header has been read
        self.user: tuple[int, int] | None = None  # uid and gid of a UNIX-domain client
        self.local_host: bytes | None = None
        self.remote_host: bytes | None = None
        self.remote_info: bytes | None = None
        self.path: bytes | None = None  # of the UNIX-domain socket that a client program connected to
        self.tls: Tls | None = None  # of a server; then there is no descriptor before it has a handler
        self.output = -1  # another descriptor, for what the handler writes, where one does not do for both
        self.waiting = 0  # look-ups not yet answered
        self.is_counted = False  # in the census of a server
        self.pid = 0  # of its handler, in a server; 0: there is none, or it is not known yet
        self.notes: ClientNotes | None = None  # for a JSON log or a status file

    def become(self, remote_ip: bytes, remote_port: int, local_ip: bytes, local_port: int) -> None:
        """Take other addresses at both ends: those of the client's own connection to a balancer.

        Without a ``local_ip`` our own address and port stay, which a UNIX-domain socket does not have.
        """
        if local_ip:
            self.local_ip, self.local_port = local_ip, local_port
        elif self.user is not None:
            self.local_ip, self.local_port = b"", 0
        self.remote_ip, self.remote_port = remote_ip, remote_port
        self.ip6 = self.ip6 or b":" in remote_ip or b":" in self.local_ip
        self.scope, self.user = 0, None

    def print_at_once(self, text: bytes) -> None:
        """Send a text without waiting for the client to read.

        Raises:
            OSError: not all of it could be sent at once.
        """
        if self.tls is not None:
            self.tls.say(text)
            return
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

    def release_output(self) -> int:
        """Return the descriptor for what the handler writes, which is the caller's then; -1: none."""
        output, self.output = self.output, -1
        return output

    def is_open(self) -> bool:
        """Return whether `close` has something to end."""
        return self.descriptor >= 0 or (self.tls is not None and self.tls.is_open())

    def close(self) -> None:
        """Close the descriptor, unless it was released; a second call does nothing."""
        if self.descriptor >= 0:
            os.close(self.release())
        if self.output >= 0:
            os.close(self.release_output())
        if self.tls is not None:
            self.tls.close()
