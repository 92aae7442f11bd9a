"""A door for balancers: a plain header is taken in the step in which its connection is accepted."""

import errno
import os

from ucspi.tcp.connection import Balancer, Connection
from ucspi.tcp.server.door import Door
from ucspi.unix import native
from ucspi.unix.sockets import NoLocalAddressError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ucspi.tcp.server.listener import Listener
    from ucspi.tcp.server.networks import Networks
    from ucspi.tcp.server.settings import Settings


class ProxiedDoor(Door):
    """A TCP listener some of whose clients begin with a PROXY header.

    A connection has its `Connection.balancer` already, and is the client's, if
    all of its header was there, with an address for each end and nothing else.
    Any other is as it came, for `ucspi.tcp.server.proxyheaders`.  Needs the compiled module.
    """

    __slots__ = ("_client", "_flags", "_header", "_ip6", "_networks", "_number", "_trust")

    def __init__(self, listener: "Listener", settings: "Settings", networks: "Networks") -> None:
        """Take the listener and the networks of the balancers."""
        super().__init__(listener, settings)
        lib, new = native.lib, native.ffi.new
        self._number, self._ip6 = listener.fileno(), listener.ip6
        self._flags = (
            lib.USYS_CLEAR_IP_OPTIONS * settings.clear_ip_options | lib.USYS_NO_DELAY * settings.no_delay
        )
        self._client, self._header = new("struct usys_client *"), new("struct usys_proxy_header *")
        self._networks = new("struct usys_proxy_network[]", networks.mapped)
        self._trust = new(
            "struct usys_proxy_trust *", (self._networks, len(networks.mapped), settings.proxy_most)
        )

    def accept(self) -> Connection | None:
        """See `Door.accept`."""
        client, header = self._client, self._header
        return self._connection(self._accept_in(client, header), client, header)

    def _accept_in(self, client: "Any", header: "Any") -> int:
        """Accept a client, and take its header if that is plain; return the descriptor, or -errno."""
        number: int = native.lib.usys_accept_proxied(self._number, self._flags, self._trust, client, header)
        return number

    def _connection(self, descriptor: int, client: "Any", header: "Any") -> Connection | None:
        """Return what was accepted."""
        if descriptor < 0:
            if descriptor == -errno.EAGAIN:
                return None
            raise OSError(-descriptor, os.strerror(-descriptor))
        text = native.ffi.string
        try:
            if header.number:
                return self._client_of(descriptor, client, header)
            local, remote = text(client.local_ip), text(client.remote_ip)
            accepted = descriptor, local, client.local_port, remote, client.remote_port, client.scope
            if client.error:
                raise NoLocalAddressError(accepted, OSError(client.error, os.strerror(client.error)))
            return Connection(*accepted, ip6=self._ip6)
        except MemoryError:
            os.close(descriptor)
            raise

    def _client_of(self, descriptor: int, client: "Any", header: "Any") -> Connection:
        """Return the connection of the client whom the header names."""
        text = native.ffi.string
        local, remote = text(header.destination), text(header.source)
        connection = Connection(descriptor, local, header.destination_port, remote, header.source_port)
        connection.ip6 = self._ip6 or b":" in remote or b":" in local
        connection.balancer = Balancer(text(client.remote_ip), client.remote_port)
        return connection
