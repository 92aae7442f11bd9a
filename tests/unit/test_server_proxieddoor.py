"""The door that takes plain PROXY headers: nothing else is taken, and from nobody else."""

import ipaddress
import socket
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.proxy_headers import (
    AUTHORITY,
    INET,
    NOOP,
    Captured,
    binary,
    captured,
    entry,
    with_checksum,
)
from ucspi.tcp.connection import Connection
from ucspi.tcp.proxyheader import parse
from ucspi.tcp.server.doors import NETWORKS_MOST, door
from ucspi.tcp.server.listener import Listener, listen
from ucspi.tcp.server.networks import Networks
from ucspi.tcp.server.settings import Settings
from ucspi.unix import native

pytestmark = pytest.mark.skipif(native.lib is None, reason="needs the compiled module")

DATA = b"\0\r\nPROXY what follows"
V1 = b"PROXY TCP4 192.0.2.1 198.51.100.2 4000 25\r\n"
Accept = Callable[..., tuple[Connection, bytes]]


@pytest.fixture(params=["127.0.0.1", "::"])
def listener(request: pytest.FixtureRequest) -> Iterator[Listener]:
    made = listen(request.param.encode(), 0, 5)
    yield made
    made.close()


@pytest.fixture
def accept(listener: Listener) -> Accept:
    def accept(sent: bytes, trusted: bytes = b"127.0.0.1", *, source: str = "127.0.0.1", most: int = 4096):  # type: ignore[no-untyped-def]
        """Connect and send; return what was accepted, and what can still be read from it."""
        settings = Settings()
        settings.proxy_from, settings.proxy_most = Networks(trusted), most
        made = door(listener, settings)
        assert type(made).__name__ == "ProxiedDoor"
        assert made.accept() is None
        with socket.create_connection(("127.0.0.1", listener.port), source_address=(source, 0)) as client:
            client.sendall(sent)
            connection = made.accept()
            assert connection is not None
            with socket.socket(fileno=connection.release()) as ours:
                client.shutdown(socket.SHUT_WR)
                rest = b""
                while block := ours.recv(65536):
                    rest += block
                port = client.getsockname()[1]
        if connection.balancer is None:
            assert (connection.remote_ip, connection.remote_port) == (source.encode(), port)
            assert (connection.local_ip, connection.local_port) == (b"127.0.0.1", listener.port)
        else:
            assert (connection.balancer.ip, connection.balancer.port) == (source.encode(), port)
            assert list(connection.balancer.variables) == []
        return connection, rest

    return accept


def has_texts(header: bytes) -> bool:
    found = parse(header)
    return not isinstance(found, int) and bool(found.texts)


@pytest.mark.parametrize("sent", captured(), ids=lambda sent: f"{sent.row} {sent.sender}")
def test_header_is_taken_whole_and_alone_or_not_touched(
    accept: Accept, listener: Listener, sent: Captured
) -> None:
    connection, rest = accept(sent.header + DATA)
    if connection.balancer is None:
        assert rest == sent.header + DATA
        assert sent.is_malformed or sent.meaning == "peer" or has_texts(sent.header)
        return
    assert rest == DATA
    ends = connection.remote_ip, connection.remote_port, connection.local_ip, connection.local_port
    assert (b"%b %d %b %d" % ends).decode() == sent.meaning
    assert connection.ip6 == (listener.ip6 or ":" in sent.meaning)
    assert (connection.scope, connection.user) == (0, None)


@pytest.mark.parametrize("header", [V1, binary(INET), with_checksum(INET)], ids=["v1", "v2", "checksum"])
def test_part_of_a_header_is_left_where_it_is(accept: Accept, header: bytes) -> None:
    for length in range(len(header)):
        connection, rest = accept(header[:length])
        assert (connection.balancer, rest) == (None, header[:length])
    assert accept(header)[1] == b""


@pytest.mark.parametrize(
    "sent",
    [
        *(DATA, b"PROXY UNKNOWN\r\n", binary(b"", command=0x20, family=0), binary(INET, command=0x22)),
        binary(INET + entry(AUTHORITY, b"a")),
        binary(INET + entry(NOOP, bytes(100))),
        with_checksum(INET)[:-1] + b"?",
        b"PROXY TCP4 192.0.2.1 unix:/run/x 5 0\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 65536 1\r\n",
    ],
    ids=lambda sent: repr(sent[:40]),
)
def test_all_that_is_not_plain_is_left_to_others(accept: Accept, sent: bytes) -> None:
    connection, rest = accept(sent + DATA)
    assert (connection.balancer, rest) == (None, sent + DATA)


def test_limit_of_the_length_holds_here_too(accept: Accept) -> None:
    assert accept(binary(INET), most=28)[0].balancer is not None
    connection, rest = accept(binary(INET), most=27)
    assert (connection.balancer, rest) == (None, binary(INET))


def test_header_of_anybody_else_is_data(accept: Accept) -> None:
    for trusted in (b"127.0.0.2,::1,10.0.0.0/8", b"128.0.0.0/1", b"::/1", b"7f00::/8"):
        connection, rest = accept(V1 + DATA, trusted)
        assert (connection.balancer, rest) == (None, V1 + DATA)


HOME = int(ipaddress.ip_address("127.0.0.1"))
NEAR = st.integers(0, 31).map(lambda bit: HOME ^ 1 << bit)


ONE = st.tuples(st.one_of(st.just(HOME), NEAR), st.integers(0, 32))


@given(networks=st.lists(ONE, min_size=1, max_size=4))
def test_trust_is_that_of_the_networks(networks: list[tuple[int, int]]) -> None:
    names = [str(ipaddress.ip_network((number, bits), strict=False)) for number, bits in networks]
    made = listen(b"127.0.0.1", 0, 5)
    try:
        settings = Settings()
        settings.proxy_from = Networks(",".join(names).encode())
        with socket.create_connection(("127.0.0.1", made.port)) as client:
            client.sendall(V1)
            connection = door(made, settings).accept()
            assert connection is not None
            connection.close()
        assert (connection.balancer is not None) == (b"127.0.0.1" in settings.proxy_from)
    finally:
        made.close()


def test_door_is_an_ordinary_one_where_it_would_look_at_many_networks_or_at_none(listener: Listener) -> None:
    for count, name in ((NETWORKS_MOST, "ProxiedDoor"), (NETWORKS_MOST + 1, "Door")):
        settings = Settings()
        settings.proxy_from = Networks(b",".join(b"10.0.0.%d" % number for number in range(count)))
        assert type(door(listener, settings)).__name__ == name
    settings = Settings()
    settings.proxy_from = Networks(b"unix")
    assert type(door(listener, settings)).__name__ == "Door"


def test_ip6_balancer_is_known_by_its_network() -> None:
    made = listen(b"::1", 0, 5)
    try:
        for trusted, is_in in ((b"::1", True), (b"::/127", True), (b"::2/127", False), (b"0.0.0.0/0", False)):
            settings = Settings()
            settings.proxy_from = Networks(trusted)
            with socket.create_connection(("::1", made.port)) as client:
                client.sendall(b"PROXY TCP6 2001:DB8::1 192.0.2.9 1 2\r\n")
                connection = door(made, settings).accept()
                assert connection is not None
                connection.close()
            assert (connection.balancer is not None) == is_in
            assert connection.remote_ip == (b"2001:db8::1" if is_in else b"::1")
    finally:
        made.close()
