"""Ident servers for the tests: one per address, each with its own way to answer."""

import re
import socket
import struct
import threading
from collections.abc import Callable

from tests.support.patience import PATIENCE

Manner = Callable[[socket.socket, bytes], None]


def says(answer: bytes) -> Manner:
    """Answer with these bytes at once, then close."""
    return lambda connection, _: connection.sendall(answer)


def goes_on(answer: bytes) -> Manner:
    """Answer with these bytes, and neither end the line nor close."""

    def manner(connection: socket.socket, _: bytes) -> None:
        connection.sendall(answer)
        connection.recv(1)

    return manner


def byte_by_byte(connection: socket.socket, _: bytes) -> None:
    """Answer in as many packets as bytes."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in b"1,2:USERID:UNIX:slow\r\n":
        connection.sendall(bytes([byte]))


def hangs(connection: socket.socket, _: bytes) -> None:
    """Never answer."""
    connection.recv(1)


def resets(connection: socket.socket, _: bytes) -> None:
    """Answer with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def checks(connection: socket.socket, question: bytes) -> None:
    """Answer whether the question, and where it came from, are as they must be."""
    form = re.fullmatch(rb"\d+ , \d+\r\n", question) is not None
    origin = connection.getpeername()[0]
    connection.sendall(b"0,0:USERID:UNIX:form=%d,from=%s\r\n" % (form, origin.encode()))


class IdentServer(threading.Thread):
    """Serves a port of one address until it is closed, or the process ends."""

    def __init__(self, ip: str, manner: Manner, port: int = 113) -> None:
        """Listen; answer in this manner."""
        super().__init__(daemon=True)
        self._manner = manner
        self._listener = socket.create_server((ip, port))
        self.port: int = self._listener.getsockname()[1]

    def close(self) -> None:
        """Serve nobody any more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self.join(PATIENCE)
        self._listener.close()

    def run(self) -> None:
        """Answer one after the other."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(PATIENCE)
            with connection:
                try:
                    self._manner(connection, connection.recv(1024))
                except OSError:
                    continue
