"""What is asked about a client, with look-ups that answer when the test says."""

import socket
from collections.abc import Callable

from ucspi.tcp import facts
from ucspi.tcp.connection import Connection
from ucspi.tcp.facts import Facts
from ucspi.tcp.lookups import Lookups
from ucspi.tcp.settings import Settings

Deliver = Callable[[bytes | None], None]


class Asked(Lookups):
    """Notes who wants which answer."""

    def __init__(self) -> None:
        self.delivers: list[Deliver] = []

    def ask(self, question: Callable[[], bytes | None], deliver: Deliver, timeout: float) -> None:
        self.delivers.append(deliver)


def client(local_ip: bytes = b"127.0.0.1") -> Connection:
    return Connection(-1, local_ip, 25, b"127.0.0.2", 40000)


def asking(*, remote_host: bool = True) -> tuple[Facts, Asked, list[Connection]]:
    settings, asked, ready = Settings(), Asked(), list[Connection]()
    settings.ask_info, settings.lookup_remote_host = False, remote_host
    return Facts(settings, asked, ready.append), asked, ready


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


def test_local_names_are_remembered_but_not_without_end() -> None:
    found, asked, _ = asking(remote_host=False)
    for number in range(facts.LOCAL_MOST + 1):
        ip = socket.inet_ntoa((0x7F000000 + number).to_bytes(4, "big")).encode()
        found.find(client(ip))
        asked.delivers.pop()(b"name%d" % number)
    assert len(found._local_names) == facts.LOCAL_MOST
    found.find(client(ip))
    assert asked.delivers == []
    found.find(client(b"127.0.0.0"))
    assert len(asked.delivers) == 1
