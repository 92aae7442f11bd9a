"""The log lines of ucspi-tcp: their fields, and that no client can break one."""

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucspi.tcp.connection import Connection
from ucspi.tcp.report import classiclines


@pytest.fixture
def connection() -> Iterator[Connection]:
    ours, theirs = socket.socketpair()
    with theirs:
        made = Connection(ours.detach(), b"192.168.1.44", 23, b"192.168.1.33", 2600)
        yield made
        made.close()


def test_lines_are_those_of_the_original(connection: Connection) -> None:
    connection.local_host = b"0"
    assert classiclines.status(0, 3) == b"tcpserver: status: 0/3\n"
    assert classiclines.arrival(b"2230", connection) == b"tcpserver: pid 2230 from 192.168.1.33\n"
    assert (
        classiclines.verdict(b"ok", b"2230", connection)
        == b"tcpserver: ok 2230 0:192.168.1.44:23 :192.168.1.33::2600\n"
    )
    assert classiclines.end(2230, 25600) == b"tcpserver: end 2230 status 25600\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (None, b""),
        (b"", b""),
        (b"a.b", b"a.b"),
        (b"a b\t\x7f\xff%:\0\n", b"a?b" + b"?" * 7),
        (b"x" * 99, b"x" * 99),
        (b"x" * 100, b"x" * 100 + b"..."),
        (b"x" * 101, b"x" * 100 + b"..."),
    ],
)
def test_field_is_made_safe_and_cut_at_100_bytes(text: bytes | None, shown: bytes) -> None:
    assert classiclines.field(text) == shown


@given(host=st.none() | st.binary(), info=st.none() | st.binary())
def test_nothing_a_client_says_can_break_a_line(host: bytes | None, info: bytes | None) -> None:
    ours, theirs = socket.socketpair()
    connection = Connection(ours.detach(), b"127.0.0.1", 23, b"127.0.0.1", 1)
    connection.remote_host, connection.remote_info = host, info
    line = classiclines.verdict(b"ok", b"1", connection)
    connection.close()
    theirs.close()
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert line.count(b":") == 6
    assert classiclines.PID not in line
