"""Clients and clocks for tests of reports."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from ucspi.tcp.clientnotes import Clock
from ucspi.tcp.connection import Connection

START = 1_782_826_200_000_000_000  # 2026-06-30T13:30:00Z
SECOND = 1_000_000_000


class ManualClocks:
    """Two clocks that stand still until a test moves them."""

    def __init__(self) -> None:
        self.wall, self.steady = START, 5_000 * SECOND
        self.pair = Clock(lambda: self.wall, lambda: self.steady)

    def pass_by(self, seconds: float) -> None:
        self.wall += int(seconds * SECOND)
        self.steady += int(seconds * SECOND)


@contextmanager
def connected(
    ip: bytes = b"192.168.1.33", host: bytes | None = None, info: bytes | None = None
) -> Iterator[Connection]:
    """Give a connection that is closed in the end."""
    ours, theirs = socket.socketpair()
    with theirs:
        connection = Connection(ours.detach(), b"192.168.1.44", 23, ip, 2600)
        connection.local_host, connection.remote_host, connection.remote_info = b"0", host, info
        yield connection
        connection.close()
