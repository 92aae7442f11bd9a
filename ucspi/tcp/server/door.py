"""A door: one listener, and the way to accept connections from it."""

import os

from ucspi.tcp.connection import Connection
from ucspi.unix.sockets import acceptor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.tcp.server.listener import Listener
    from ucspi.tcp.server.settings import Settings


class Door:
    """A TCP listener, and the way to accept connections from it."""

    __slots__ = ("_accept", "listener")

    def __init__(self, listener: "Listener", settings: "Settings") -> None:
        self.listener = listener
        self._accept = acceptor(
            listener.socket, clear_ip_options=settings.clear_ip_options, no_delay=settings.no_delay
        )

    def accept(self) -> Connection | None:
        """Accept one connection; return None when no client is waiting.  See `acceptor`.

        Raises:
            MemoryError: a client was waiting, and was cut off.
        """
        accepted = self._accept()
        if accepted is None:
            return None
        try:
            return Connection(*accepted, ip6=self.listener.ip6)
        except MemoryError:
            os.close(accepted[0])
            raise
