import errno
import socket

import pytest

from ucspi.tcp.connection import Connection, PrepareError
from ucspi.tcp.settings import Settings


def test_banner_that_cannot_be_sent_at_once_drops_the_client() -> None:
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    connection = Connection(ours.detach(), ("127.0.0.1", 1), 23)
    settings = Settings()
    settings.banner = b"x" * 1_000_000
    with theirs, pytest.raises(PrepareError) as raised:
        connection.prepare(settings)
    assert raised.value.step == b"unable to print banner"
    assert raised.value.error.errno == errno.EAGAIN
    connection.close()
