"""The places of clients that are not known yet: how many, whose, and how long."""

import os
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.patience import wait_for
from ucspi.tcp.background import Background
from ucspi.tcp.connection import Connection
from ucspi.tcp.server.pending import Pending, Step


class Noted(Step):
    """Counts how often it was called."""

    __slots__ = ("calls",)

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.calls = 0

    def go_on(self) -> None:
        self.calls += 1
        os.read(self.connection.descriptor, 100)

    def what_came(self) -> bytes:
        return b"nothing came"


class Places:
    """Places, with the clients that were closed, each with the reason, and the other ends of all."""

    def __init__(self, most: int) -> None:
        self.background = Background()
        self.closed: list[tuple[Connection, bytes]] = []
        self.pending = Pending(self.background, most, self._drop)
        self.others: dict[Connection, socket.socket] = {}

    def _drop(self, connection: Connection, reason: bytes) -> None:
        connection.close()
        self.closed.append((connection, reason))

    def hold(self, ip: bytes = b"127.0.0.1", seconds: float = 1000.0) -> Noted:
        """Hold a new client."""
        ours, theirs = socket.socketpair()
        step = Noted(Connection(ours.detach(), b"127.0.0.1", 25, ip, 40000))
        self.others[step.connection] = theirs
        self.pending.hold(step, seconds)
        return step

    def close(self) -> None:
        for connection, other in self.others.items():
            connection.close()
            other.close()
        self.background.close()


@pytest.fixture
def places() -> Iterator[Places]:
    made = Places(4)
    yield made
    made.close()


def test_step_goes_on_when_something_has_come_and_not_after_the_release(places: Places) -> None:
    step = places.hold()
    places.background.turn()
    assert step.calls == 0
    places.others[step.connection].send(b"x")
    places.background.turn()
    places.background.turn()
    assert step.calls == 1
    places.pending.release(step.connection)
    places.others[step.connection].send(b"x")
    places.background.turn()
    assert (step.calls, len(places.pending), places.closed) == (1, 0, [])
    assert places.background.deadline() is None


def test_client_is_closed_when_its_time_is_over(places: Places) -> None:
    step = places.hold(seconds=0.01)
    longer = places.hold()

    def turned() -> bool:
        places.background.turn()
        return places.closed != []

    wait_for(turned, "the end of its time")
    assert places.closed == [(step.connection, b"nothing came in 0.01 seconds")]
    assert places.others[step.connection].recv(1) == b""
    assert places.pending.give_up() == [longer.connection]


def test_one_source_has_half_of_the_places(places: Places) -> None:
    steps = [places.hold(b"192.0.2.1") for _ in range(2)] + [places.hold(b"192.0.2.2")]
    steps.append(places.hold(b"192.0.2.1"))
    reason = b"nothing came, and its place is needed: 2 clients from there are pending, half of --pending"
    assert places.closed == [(steps[0].connection, reason)]
    assert len(places.pending) == 3


def test_network_of_64_bits_is_one_source(places: Places) -> None:
    for ip in (b"2001:db8::1", b"2001:db8::2", b"2001:db8:0:1::1", b"2001:db8::3"):
        places.hold(ip)
    assert [connection.remote_ip for connection, _ in places.closed] == [b"2001:db8::1"]


def test_known_client_waits_for_room_and_is_neither_late_nor_closed(places: Places) -> None:
    first, second = places.hold(seconds=0.0), places.hold(b"127.0.0.2")
    for step in (second, first):
        places.pending.wait_for_room(step.connection)
    places.others[first.connection].send(b"x")
    places.background.turn()
    assert (first.calls, places.closed) == (0, [])
    third = places.hold()
    places.hold()  # the third has to go, although the first is older
    assert [connection for connection, _ in places.closed] == [third.connection]
    assert places.pending.next_known() is second.connection
    assert places.pending.next_known() is first.connection
    assert places.pending.next_known() is None


def test_client_that_cannot_be_watched_gets_no_place(places: Places) -> None:
    connection = Connection(2**30, b"127.0.0.1", 25, b"127.0.0.1", 40000)
    with pytest.raises(OSError, match="Bad file descriptor"):
        places.pending.hold(Noted(connection), 1000.0)
    assert (len(places.pending), places.closed) == (0, [])
    assert places.background.deadline() is None


def test_client_that_cannot_be_reported_is_closed_all_the_same() -> None:
    def fail(connection: Connection, reason: bytes) -> None:
        raise MemoryError

    background = Background()
    pending = Pending(background, 2, fail)
    ours, theirs = socket.socketpair()
    with theirs:
        pending.hold(Noted(Connection(ours.detach(), b"127.0.0.1", 25, b"127.0.0.1", 40000)), 1000.0)
        with pytest.raises(MemoryError):
            pending.close_oldest(b"no more")
        assert theirs.recv(1) == b""
    assert len(pending) == 0
    background.close()


SOURCES = st.sampled_from([b"192.0.2.1", b"192.0.2.2", b"unix.0"])
ORDERS = st.lists(st.one_of(SOURCES, st.integers(0, 5), st.just("known"), st.just("next")), max_size=40)


@given(most=st.integers(1, 6), orders=ORDERS)
def test_places_are_those_of_a_plain_model(most: int, orders: "list[bytes | int | str]") -> None:
    """The model is a list of all clients in their order, and a list of the known ones."""
    places = Places(most)
    held: list[Connection] = []
    known: list[Connection] = []

    def oldest(clients: list[Connection]) -> list[Connection]:
        return [client for client in clients if client not in known][:1]

    try:
        for order in orders:
            closed = len(places.closed)
            if isinstance(order, bytes):
                same = [client for client in held if client.remote_ip == order]
                gone: list[Connection] = []
                if len(same) >= max(1, most // 2):
                    gone = oldest(same)
                elif len(held) >= most:
                    gone = oldest(held)
                held = [client for client in held if client not in gone]
                held.append(places.hold(order).connection)
                assert [client for client, _ in places.closed[closed:]] == gone
            elif order == "known" and held:
                if held[0] not in known:
                    known.append(held[0])
                    places.pending.wait_for_room(held[0])
            elif order == "next":
                first = known.pop(0) if known else None
                assert places.pending.next_known() is first
                held = [client for client in held if client is not first]
            elif isinstance(order, int) and order < len(held):
                client = held.pop(order)
                known = [other for other in known if other is not client]
                places.pending.release(client)
            assert len(places.pending) == len(held)
            assert places.pending.has_known() == bool(known)
        assert places.pending.give_up() == held
        assert (len(places.pending), places.background.deadline()) == (0, None)
    finally:
        places.close()
