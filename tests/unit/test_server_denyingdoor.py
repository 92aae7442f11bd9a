"""The door that closes clients who are denied again, nobody else, and only by the rules as they are now."""

import errno
import fcntl
import os
import select
import socket
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import unpack

import pytest

from tests.support.patience import PATIENCE, wait_for
from tests.support.rules_files import image_of
from ucspi.rules import LiveRules
from ucspi.tcp.connection import Connection
from ucspi.tcp.server import denyingdoor
from ucspi.tcp.server.denyingdoor import MOST
from ucspi.tcp.server.door import Door
from ucspi.tcp.server.doors import door
from ucspi.tcp.server.listener import listen
from ucspi.tcp.server.networks import Networks
from ucspi.tcp.server.proxieddoor import ProxiedDoor
from ucspi.tcp.server.rate import Rate
from ucspi.tcp.server.settings import Settings
from ucspi.unix import native

pytestmark = pytest.mark.skipif(native.lib is None, reason="needs the compiled module")

DENIED, OTHER = b"192.0.2.1", b"198.51.100.1"


class World:
    """A door behind a rules file, and its clients.

    Attributes:
        door: the door.
        handed_on: the connections that the door did not keep to itself.
        room: for so many clients.
    """

    def __init__(self, folder: Path, settings: Settings | None = None) -> None:
        self._path = folder / "rules.cdb"
        self.publish(b'192.0.2.:deny\n203.0.113.:deny,MAXCONNIP="x"\n:allow\n')
        self.rules = LiveRules(os.fsencode(self._path))
        self.handed_on: list[Connection] = []
        self.room = 40
        self._listener = listen(b"127.0.0.1", 0, 50)
        settings = settings or Settings()
        settings.local_host = b"0"
        settings.lookup_remote_host = settings.lookup_remote_info = False
        settings.proxy_from = Networks(b"127.0.0.1")
        self.door = door(self._listener, settings, (self.rules, lambda: self.room, self.handed_on.append))
        self.clients: list[socket.socket] = []

    def publish(self, text: bytes) -> None:
        """Replace the rules."""
        self._path.with_suffix(".tmp").write_bytes(image_of(text))
        self._path.with_suffix(".tmp").rename(self._path)

    def damage(self) -> None:
        """Replace the rules by a file that is none."""
        self._path.with_suffix(".tmp").write_bytes(b"damage")
        self._path.with_suffix(".tmp").rename(self._path)

    def remove(self) -> None:
        """Remove the rules."""
        self._path.unlink()

    def come(self, ip: bytes = DENIED, *, source: str = "127.0.0.1", rest: bytes = b"") -> socket.socket:
        """Connect, and send a header that names an address."""
        client = socket.create_connection(
            ("127.0.0.1", self._listener.port), PATIENCE, source_address=(source, 0)
        )
        self.clients.append(client)
        client.sendall(b"PROXY TCP4 %b 127.0.0.3 4000 25\r\n" % ip + rest)
        wait_for(lambda: not unsent(client), "the header to arrive")
        return client

    def learn(self, ip: bytes = DENIED) -> None:
        """Have the rules remember an address."""
        self.rules.judge(ip)

    def close(self) -> None:
        for connection in self.handed_on:
            connection.close()
        for client in self.clients:
            client.close()
        self._listener.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def unsent(client: socket.socket) -> int:
    """Return how many bytes have not arrived at the other end."""
    number: int = unpack("i", fcntl.ioctl(client, termios.TIOCOUTQ, bytes(4)))[0]
    return number


def is_open(client: socket.socket) -> bool:
    """Return whether nothing has come to a client, not even the end."""
    return not select.select([client], [], [], 0)[0]


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_who_is_denied_again_is_closed_and_the_next_is_served(world: World) -> None:
    world.learn()
    first, second = world.come(), world.come()
    other, last = world.come(OTHER), world.come()
    connection = world.door.accept()
    assert connection is not None
    assert (connection.remote_ip, connection.remote_port, connection.local_ip) == (OTHER, 4000, b"127.0.0.3")
    assert connection.balancer is not None
    assert connection.balancer.port == other.getsockname()[1]
    assert first.recv(1) == second.recv(1) == b""  # the end, and no reset
    assert is_open(last)
    connection.close()
    assert world.door.accept() is None
    assert last.recv(1) == b""
    assert not world.handed_on


def test_who_was_not_denied_before_is_judged_as_ever(world: World) -> None:
    world.come()
    connection = world.door.accept()
    assert connection is not None
    assert connection.remote_ip == DENIED
    connection.close()


def test_address_without_a_header_is_not_the_one_in_a_header(world: World) -> None:
    """Memory of an earlier header must not decide about a client who sends none, or half of one."""
    world.learn()
    world.come()
    assert world.door.accept() is None
    for source, ip in (("127.0.0.2", DENIED), ("127.0.0.1", b"192.0.2.1 \r\n")):
        world.come(ip, source=source)
        connection = world.door.accept()
        assert connection is not None
        assert (connection.remote_ip, connection.balancer) == (source.encode(), None)
        connection.close()


def test_rule_that_says_more_than_deny_is_left_to_others(world: World) -> None:
    world.learn(b"203.0.113.1")
    world.come(b"203.0.113.1")
    connection = world.door.accept()
    assert connection is not None
    assert connection.remote_ip == b"203.0.113.1"
    connection.close()


def test_bytes_behind_the_header_do_not_let_anybody_in(world: World) -> None:
    world.learn()
    client = world.come(rest=b"EHLO")
    assert world.door.accept() is None
    with pytest.raises(ConnectionResetError):
        client.recv(1)


@pytest.mark.parametrize("change", ["allowed", "damaged", "gone"])
def test_change_of_the_rules_counts_for_all_who_come_after_it(world: World, change: str) -> None:
    world.learn()
    world.come()
    assert world.door.accept() is None
    before = descriptors()
    if change == "allowed":
        world.publish(b":allow\n")
    elif change == "damaged":
        world.damage()
    else:
        world.remove()
    clients = [world.come(), world.come(), world.come(OTHER)]
    last = world.door.accept()
    assert last is not None
    assert [connection.remote_ip for connection in (*world.handed_on, last)] == [DENIED, DENIED, OTHER]
    ports = [connection.balancer and connection.balancer.port for connection in (*world.handed_on, last)]
    assert ports == [client.getsockname()[1] for client in clients]
    assert all(map(is_open, clients))
    last.close()
    assert descriptors() == before + len(clients) + 2


def test_only_who_is_allowed_by_new_rules_is_handed_on(world: World) -> None:
    addresses = [b"192.0.2.%d" % number for number in range(4)]
    for ip in addresses:
        world.learn(ip)
    world.publish(b"192.0.2.2:allow\n:deny\n")
    for ip in addresses:
        world.come(ip)
    assert world.door.accept() is None
    # The first was judged by the new rules; the others are not remembered any more.
    assert [connection.remote_ip for connection in world.handed_on] == addresses[1:]
    assert world.clients[0].recv(1) == b""


@pytest.mark.parametrize("room", [1, 3, MOST + 4])
def test_no_more_are_held_than_there_is_room_for(world: World, room: int) -> None:
    world.learn()
    world.room = room
    world.publish(b":allow\n")
    for _ in range(MOST + 4):
        world.come()
    assert world.door.accept() is None
    assert len(world.handed_on) == min(room, MOST)


def failing(number: int, after: int, accept: Callable[..., int]) -> Callable[..., int]:
    """Return an accept that fails with an errno, once, after some calls."""
    calls = iter(range(after))

    def failing_accept(*arguments: object) -> int:
        return accept(*arguments) if next(calls, None) is not None else -number

    return failing_accept


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_descriptors_that_are_held_here_do_not_make_the_server_pause(
    world: World, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    world.learn()
    clients = [world.come(), world.come()]
    monkeypatch.setattr(ProxiedDoor, "_accept_in", failing(number, 1, ProxiedDoor._accept_in))
    assert world.door.accept() is None
    assert clients[0].recv(1) == b""
    with pytest.raises(OSError, match=os.strerror(number)):  # nothing is held now
        world.door.accept()


def test_error_of_another_client_is_not_lost(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.learn()
    client = world.come()
    monkeypatch.setattr(ProxiedDoor, "_accept_in", failing(errno.ECONNABORTED, 1, ProxiedDoor._accept_in))
    with pytest.raises(ConnectionAbortedError):
        world.door.accept()
    assert client.recv(1) == b""


@pytest.mark.parametrize("step", ["judge", "denies_again", "receive"])
def test_all_are_cut_off_without_memory_and_no_descriptor_is_lost(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    world.learn()
    before = descriptors()

    def fail(*_: object) -> bool:
        raise MemoryError

    if step == "receive":
        world.publish(b":allow\n")
        monkeypatch.setattr(world.door, "_receive", lambda connection: (connection.close(), fail()))
    else:
        monkeypatch.setattr(LiveRules, step, fail)
    clients = [world.come(), world.come(), world.come(OTHER)]
    with pytest.raises(MemoryError):
        world.door.accept()
    monkeypatch.undo()
    for client in clients:
        client.close()
    while (connection := world.door.accept()) is not None:
        connection.close()
    assert descriptors() == before


def kind(folder: Path, change: Callable[[Settings], object] = lambda _: None) -> type[Door]:
    """Return the kind of door that settings have."""
    settings = Settings()
    change(settings)
    made = World(folder, settings)
    made.close()
    return type(made.door)


def test_clients_whom_somebody_counts_or_is_told_of_come_through_another_door(tmp_path: Path) -> None:
    assert kind(tmp_path) is denyingdoor.DenyingDoor
    for change in (
        lambda settings: setattr(settings, "verbosity", 2),
        lambda settings: setattr(settings, "log", b"both"),
        lambda settings: setattr(settings, "status_file", b"status"),
        lambda settings: setattr(settings, "per_ip", 3),
        lambda settings: setattr(settings, "per_net", 3),
        lambda settings: setattr(settings, "rate", Rate(3, 3, 3)),
        lambda settings: setattr(settings, "banner", b"220"),
    ):
        assert kind(tmp_path, change).__name__ == "ProxiedDoor"
