"""One client: variables, files on descriptors, and how they are closed."""

import os
import socket
import threading
from collections.abc import Iterator

import pytest

import ucspi
from ucspi.handler.environment import descriptors


@pytest.fixture
def pair() -> Iterator[tuple[ucspi.Client, socket.socket]]:
    """Give a client whose descriptors are two copies of one socket, and the other end."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(10)
    client = ucspi.Client({"PROTO": "TCP"}, os.dup(ours.fileno()), os.dup(ours.fileno()))
    ours.close()
    with theirs:
        yield client, theirs
        client.close()


def test_variables_are_those_of_the_protocol_alone() -> None:
    environ = {"TCPREMOTEIP": "192.0.2.1", "TCP6REMOTEIP": "::ffff:192.0.2.1", "TCPLOCALPORT": "25"}
    assert ucspi.Client({**environ, "PROTO": "TCP"}).remote_ip == "192.0.2.1"
    assert ucspi.Client({**environ, "PROTO": "TCP6"}).remote_ip == "::ffff:192.0.2.1"
    assert ucspi.Client({**environ, "PROTO": "TCP"}).local_port == "25"
    for outer in ({**environ, "PROTO": "UNIX"}, environ):
        client = ucspi.Client(outer)
        assert not client.remote_ip + client.local_port + client.remote_host + client.remote_info


def test_what_was_written_arrives_and_then_the_end(pair: tuple[ucspi.Client, socket.socket]) -> None:
    client, other = pair
    other.sendall(b"one\ntwo\n")
    assert client.reader.readline() == b"one\n"
    client.writer.write(b"answer\n")
    client.close()
    client.close()
    assert other.recv(100) == b"answer\n"
    assert client.reader.closed
    assert client.writer.closed


def test_descriptors_that_were_never_used_are_closed_too(pair: tuple[ucspi.Client, socket.socket]) -> None:
    client, other = pair
    client.close()
    assert other.recv(100) == b""


def test_descriptor_that_does_not_block_is_waited_for(pair: tuple[ucspi.Client, socket.socket]) -> None:
    client, other = pair
    os.set_blocking(client.input, False)
    size = 3_000_000
    got = bytearray()

    def talk() -> None:
        while len(got) < size:
            got.extend(other.recv(65536))
        other.sendall(b"a" * size)
        other.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=talk)
    thread.start()
    client.writer.write(b"b" * size)
    client.writer.flush()
    assert client.reader.read(1) == b"a"
    assert client.reader.read() == b"a" * (size - 1)
    thread.join()
    assert bytes(got) == b"b" * size


def test_peer_that_has_gone_is_told_once(pair: tuple[ucspi.Client, socket.socket]) -> None:
    client, other = pair
    other.close()
    client.writer.write(b"lost")
    with pytest.raises(BrokenPipeError) as raised:
        client.close()
    assert client.failure is raised.value
    client.close()


@pytest.mark.parametrize("how", ["close", "detach"])
def test_files_may_be_closed_or_detached_by_their_user(
    how: str, pair: tuple[ucspi.Client, socket.socket]
) -> None:
    client, other = pair
    client.writer.write(b"last words")
    raw = getattr(client.writer, how)()
    getattr(client.reader, how)()
    client.close()
    assert raw is None or raw.closed
    assert other.recv(100) == b"last words"
    assert other.recv(100) == b""


def test_socket_is_made_when_asked_for(pair: tuple[ucspi.Client, socket.socket]) -> None:
    client, other = pair
    with client.socket as sock:
        assert client.socket is sock
        sock.shutdown(socket.SHUT_WR)
    assert other.recv(100) == b""
    ends = os.pipe()
    with pytest.raises(OSError, match="Socket operation on non-socket"):
        ucspi.Client({}, *ends).socket  # noqa: B018
    ucspi.Client({}, *ends).close()


@pytest.mark.skipif(not hasattr(socket, "AF_NETLINK"), reason="Linux alone has such sockets")
def test_socket_of_another_family_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as inherited:
        number = inherited.fileno()
        monkeypatch.setattr("ucspi.handler.environment.CLIENT", (number, number))
        assert descriptors({"PROTO": "TCP", "TCPLOCALIP": "127.0.0.1", "TCPLOCALPORT": "1"}) == (0, 1)
        assert inherited.getsockname()


def test_connection_is_where_the_variables_say(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far = listener.accept()[0]
        with near, far:
            ip, port = near.getsockname()
            environ = {"PROTO": "TCP", "TCPLOCALIP": ip, "TCPLOCALPORT": str(port)}
            monkeypatch.setattr("ucspi.handler.environment.CLIENT", (near.fileno(), near.fileno()))
            monkeypatch.setattr("ucspi.handler.environment.SERVER", (far.fileno(), far.fileno()))
            assert descriptors(environ) == (near.fileno(), near.fileno())
            assert descriptors({**environ, "TCPLOCALIP": f"::ffff:{ip}"}) == (near.fileno(), near.fileno())
            for other in (
                {**environ, "TCPLOCALPORT": "1"},
                {**environ, "TCPLOCALIP": "no address"},
                {**environ, "PROTO": "UNIX"},
                {},
            ):
                assert descriptors(other) == (far.fileno(), far.fileno())
            monkeypatch.setattr("ucspi.handler.environment.SERVER", (near.fileno(), near.fileno()))
            assert descriptors(environ) == (near.fileno(), near.fileno())
