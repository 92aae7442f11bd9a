"""What is asked about a client, with look-ups that answer when the test says."""

import errno
import socket
from collections.abc import Callable

import pytest

from ucspi.tcp import ident
from ucspi.tcp.background import Background
from ucspi.tcp.clientnotes import ClientNotes, Clock
from ucspi.tcp.connection import Balancer, Connection
from ucspi.tcp.namelookups import NameLookups
from ucspi.tcp.server import clientlookups
from ucspi.tcp.server.clientlookups import ClientLookups
from ucspi.tcp.server.settings import Settings

Deliver = Callable[[bytes | None], object]
Fail = Callable[[OSError], object]
Failures = list[tuple[Connection, OSError | MemoryError]]


class HeldLookups(NameLookups):
    """Notes who wants which answer."""

    def __init__(self) -> None:
        self.delivers: list[Deliver] = []
        self.fails: list[Fail] = []

    def look_up(self, kind: int, ip: bytes, timeout: float, deliver: Deliver, fail: Fail) -> None:
        self.delivers.append(deliver)
        self.fails.append(fail)


def client(local_ip: bytes = b"127.0.0.1") -> Connection:
    return Connection(-1, local_ip, 25, b"127.0.0.2", 40000)


def looking_up(
    *, remote_host: bool = True, failures: Failures | None = None
) -> tuple[ClientLookups, HeldLookups, list[Connection]]:
    settings, held, ready = Settings(), HeldLookups(), list[Connection]()
    settings.lookup_remote_info, settings.lookup_remote_host = False, remote_host

    def fail(connection: Connection, error: OSError | MemoryError) -> None:
        assert failures is not None
        failures.append((connection, error))

    return ClientLookups(settings, held, Background(), ready.append, fail), held, ready


def test_client_is_ready_with_its_last_answer() -> None:
    lookups, held, ready = looking_up()
    connection = client()
    lookups.start(connection)
    held.delivers[1](b"remote.example")
    assert ready == []
    held.delivers[0](b"local.example")
    assert ready == [connection]
    assert (connection.local_host, connection.remote_host) == (b"local.example", b"remote.example")
    assert lookups.give_up() == []


def test_clients_that_are_given_up_are_never_ready() -> None:
    lookups, held, ready = looking_up()
    first, second = client(), client()
    lookups.start(first)
    lookups.start(second)
    held.delivers[0](b"local.example")
    assert lookups.give_up() == [first, second]
    for deliver in held.delivers[1:]:
        deliver(None)
    assert ready == []
    assert lookups.give_up() == []


def test_client_about_whom_we_cannot_ask_fails_once_and_is_never_ready() -> None:
    failures: Failures = []
    lookups, held, ready = looking_up(failures=failures)
    connection, trouble = client(), OSError(errno.EAGAIN, "")
    lookups.start(connection)
    held.fails[0](trouble)
    held.fails[1](trouble)
    held.delivers[1](b"remote.example")
    assert (ready, failures) == ([], [(connection, trouble)])
    assert lookups.give_up() == []


def test_client_whose_answer_does_not_fit_into_memory_fails() -> None:
    class Full(ClientNotes):
        def note_name(self) -> None:
            raise MemoryError

    failures: Failures = []
    lookups, held, ready = looking_up(failures=failures)
    connection = client()
    connection.notes = Full(1, Clock())
    lookups.start(connection)
    held.delivers[0](b"local.example")
    held.delivers[1](b"remote.example")
    assert ready == []
    assert [(failed, type(error)) for failed, error in failures] == [(connection, MemoryError)]


def test_local_names_are_remembered_but_not_without_end() -> None:
    lookups, held, _ = looking_up(remote_host=False)
    for number in range(clientlookups.LOCAL_MOST + 1):
        ip = socket.inet_ntoa((0x7F000000 + number).to_bytes(4, "big")).encode()
        lookups.start(client(ip))
        held.delivers.pop()(b"name%d" % number)
    assert len(lookups._local_names) == clientlookups.LOCAL_MOST
    lookups.start(client(ip))
    assert held.delivers == []
    lookups.start(client(b"127.0.0.0"))
    assert len(held.delivers) == 1


def test_client_of_a_balancer_is_looked_up_by_name_and_ident_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the balancer's connection is not the client's")

    monkeypatch.setattr(ident, "query", refuse)
    settings, held, ready = Settings(), HeldLookups(), list[Connection]()
    settings.local_host = b"0"
    lookups = ClientLookups(settings, held, Background(), ready.append, lambda *_: None)
    connection = client()
    connection.local_host, connection.balancer = b"0", Balancer(b"127.0.0.3", 4000)
    connection.become(b"192.0.2.1", 5, b"", 0)
    lookups.start(connection)
    (deliver,) = held.delivers
    deliver(b"remote.example")
    assert ready == [connection]


def test_address_that_a_balancer_does_not_tell_is_not_looked_up() -> None:
    lookups, held, ready = looking_up(remote_host=False)
    connection = client(b"")
    lookups.start(connection)
    assert (held.delivers, ready) == ([], [connection])
