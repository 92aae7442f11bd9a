"""A connection owns its descriptor: it is closed or given away, once."""

import errno
import socket

import pytest

from ucspi.tcp.connection import Connection


def test_text_that_cannot_be_sent_at_once_is_an_error() -> None:
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    connection = Connection(ours.detach(), b"127.0.0.1", 23, b"127.0.0.1", 1)
    with theirs, pytest.raises(BlockingIOError) as raised:
        connection.print_at_once(b"x" * 1_000_000)
    assert raised.value.errno == errno.EAGAIN
    connection.close()


def test_descriptor_is_given_away_once() -> None:
    ours, theirs = socket.socketpair()
    connection = Connection(ours.detach(), b"127.0.0.1", 23, b"127.0.0.1", 1)
    with theirs, socket.socket(fileno=connection.release()) as given:
        given.send(b"x")
        assert theirs.recv(1) == b"x"
    assert connection.release() == -1


def test_second_close_and_one_behind_a_release_do_nothing() -> None:
    ours, theirs = socket.socketpair()
    closed = Connection(ours.detach(), b"127.0.0.1", 23, b"127.0.0.1", 1)
    given = Connection(theirs.detach(), b"127.0.0.1", 23, b"127.0.0.1", 1)
    closed.close()
    with socket.socket(fileno=given.release()) as mine:
        for _ in range(2):
            closed.close()
            given.close()
        assert mine.recv(1) == b""  # still open, and not closed by them
