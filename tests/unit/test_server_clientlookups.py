"""What is asked about a client, with look-ups that answer when the test says."""

import errno
import socket
from collections.abc import Callable

from ucspi.tcp.background import Background
from ucspi.tcp.clientnotes import ClientNotes, Clock
from ucspi.tcp.connection import Connection
from ucspi.tcp.namelookups import NameLookups
from ucspi.tcp.server import clientlookups
from ucspi.tcp.server.clientlookups import ClientLookups
from ucspi.tcp.server.settings import Settings

Deliver = Callable[[bytes | None], object]
Fail = Callable[[OSError], object]
Failures = list[tuple[Connection, OSError | MemoryError]]


class Asked(NameLookups):
    """Notes who wants which answer."""

    def __init__(self) -> None:
        self.delivers: list[Deliver] = []
        self.fails: list[Fail] = []

    def ask(self, kind: int, ip: bytes, timeout: float, deliver: Deliver, fail: Fail) -> None:
        self.delivers.append(deliver)
        self.fails.append(fail)


def client(local_ip: bytes = b"127.0.0.1") -> Connection:
    return Connection(-1, local_ip, 25, b"127.0.0.2", 40000)


def asking(
    *, remote_host: bool = True, failures: Failures | None = None
) -> tuple[ClientLookups, Asked, list[Connection]]:
    settings, asked, ready = Settings(), Asked(), list[Connection]()
    settings.lookup_remote_info, settings.lookup_remote_host = False, remote_host

    def fail(connection: Connection, error: OSError | MemoryError) -> None:
        assert failures is not None
        failures.append((connection, error))

    return ClientLookups(settings, asked, Background(), ready.append, fail), asked, ready


def test_client_is_ready_with_its_last_answer() -> None:
    found, asked, ready = asking()
    connection = client()
    found.find(connection)
    asked.delivers[1](b"remote.example")
    assert ready == []
    asked.delivers[0](b"local.example")
    assert ready == [connection]
    assert (connection.local_host, connection.remote_host) == (b"local.example", b"remote.example")
    assert found.give_up() == []


def test_clients_that_are_given_up_are_never_ready() -> None:
    found, asked, ready = asking()
    first, second = client(), client()
    found.find(first)
    found.find(second)
    asked.delivers[0](b"local.example")
    assert found.give_up() == [first, second]
    for deliver in asked.delivers[1:]:
        deliver(None)
    assert ready == []
    assert found.give_up() == []


def test_client_about_whom_we_cannot_ask_fails_once_and_is_never_ready() -> None:
    failures: Failures = []
    found, asked, ready = asking(failures=failures)
    connection, trouble = client(), OSError(errno.EAGAIN, "")
    found.find(connection)
    asked.fails[0](trouble)
    asked.fails[1](trouble)
    asked.delivers[1](b"remote.example")
    assert (ready, failures) == ([], [(connection, trouble)])
    assert found.give_up() == []


def test_client_whose_answer_does_not_fit_into_memory_fails() -> None:
    class Full(ClientNotes):
        def note_name(self) -> None:
            raise MemoryError

    failures: Failures = []
    found, asked, ready = asking(failures=failures)
    connection = client()
    connection.notes = Full(1, Clock())
    found.find(connection)
    asked.delivers[0](b"local.example")
    asked.delivers[1](b"remote.example")
    assert ready == []
    assert [(failed, type(error)) for failed, error in failures] == [(connection, MemoryError)]


def test_local_names_are_remembered_but_not_without_end() -> None:
    found, asked, _ = asking(remote_host=False)
    for number in range(clientlookups.LOCAL_MOST + 1):
        ip = socket.inet_ntoa((0x7F000000 + number).to_bytes(4, "big")).encode()
        found.find(client(ip))
        asked.delivers.pop()(b"name%d" % number)
    assert len(found._local_names) == clientlookups.LOCAL_MOST
    found.find(client(ip))
    assert asked.delivers == []
    found.find(client(b"127.0.0.0"))
    assert len(asked.delivers) == 1
