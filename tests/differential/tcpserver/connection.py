"""A client's side of one connection."""

import select
import socket
from collections.abc import Callable
from contextlib import suppress

from tests.support.patience import PATIENCE

Prepare = Callable[[socket.socket], None]


def no_options(_: socket.socket) -> None:
    """Leave a socket as it is."""


class Connection:
    """Connects, reads on, says how it ended."""

    def __init__(self, address: tuple[str, int], source: str, prepare: Prepare) -> None:
        """Connect; ``prepare`` may set socket options before."""
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE)
        prepare(self.socket)
        self.socket.bind((source, 0))
        self.socket.connect(address)
        self.source = source.encode()
        self.port: int = self.socket.getsockname()[1]
        self.received = b""
        self.end = ""

    def read_until(self, mark: bytes) -> None:
        """Read on until a mark has come."""
        while mark not in self.received and not self.end:
            self._read()

    def finish(self, send: bytes = b"") -> None:
        """Send the last bytes, half-close, and read to the end."""
        with suppress(OSError):  # the server may have closed or reset already
            self.socket.sendall(send)
            self.socket.shutdown(socket.SHUT_WR)
        while not self.end:
            self._read()
        self.socket.close()

    def nothing_comes(self, seconds: float) -> bool:
        """Say whether the server keeps silent and keeps the connection."""
        return not select.select([self.socket], [], [], seconds)[0]

    def _read(self) -> None:
        try:
            piece = self.socket.recv(65536)
        except ConnectionResetError:
            self.end = "reset"
            return
        except TimeoutError:
            self.end = "nothing more, but not closed"
            return
        self.received += piece
        if not piece:
            self.end = "closed"
