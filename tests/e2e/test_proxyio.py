"""proxyio between a client and a server: both ways at once, half-closed, broken; in C and in Python."""

import os
import random
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.commands import ours
from tests.support.haproxy import judging
from tests.support.patience import PATIENCE, wait_for
from tests.support.processes import processor_time
from tests.support.serving import ENVIRONMENT, serving
from ucspi.unix import mover

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(3)]

IN_PYTHON = [sys.executable, "-c", "from ucspi.programs._proxyio_copy import copy; copy()"]
COMMANDS = [
    pytest.param(
        ours("proxyio"),
        id="mover",
        marks=pytest.mark.skipif(not mover.is_there(), reason="the mover was not built"),
    ),
    pytest.param(IN_PYTHON, id="python"),
]
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close resets the connection


def pair(family: int) -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a connection."""
    if family == socket.AF_UNIX:
        ends = socket.socketpair()
    else:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            one = socket.create_connection(listener.getsockname())
            ends = one, listener.accept()[0]
    for end in ends:
        end.settimeout(PATIENCE)
    return ends


class Relayed:
    """A running proxyio: the client, the server, the process, and our copies of its ends."""

    def __init__(self, command: list[str], family: int) -> None:
        self.client, self.to_client = pair(family)
        self.server, self.to_server = pair(family)
        self.to_client.settimeout(None)
        self.to_server.settimeout(None)
        number = self.to_server.fileno()
        self.process = subprocess.Popen(
            command,
            stdin=self.to_client.fileno(),
            stdout=self.to_client.fileno(),
            env=ENVIRONMENT,
            preexec_fn=lambda: [os.dup2(number, each) for each in (6, 7)],
            pass_fds=[6, 7],
        )
        self.to_server.close()

    def forget(self) -> None:
        """Close our copy of the client's end."""
        self.to_client.close()

    def ends(self) -> int:
        return self.process.wait(PATIENCE)


@pytest.fixture(params=[socket.AF_INET, socket.AF_UNIX], ids=["tcp", "unix"])
def family(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest) -> list[str]:
    return list(request.param)


@contextmanager
def relaying(command: list[str], family: int) -> Iterator[Relayed]:
    relayed = Relayed(command, family)
    try:
        yield relayed
    finally:
        relayed.process.kill()
        relayed.process.wait(PATIENCE)
        for end in (relayed.client, relayed.server, relayed.to_client):
            end.close()


def read_to_end(end: socket.socket) -> bytes:
    text = b""
    while block := end.recv(1 << 16):
        text += block
    return text


def receive(end: socket.socket, length: int) -> bytes:
    """Return so many bytes, or what there was before the end."""
    text = b""
    while len(text) < length and (block := end.recv(length - len(text))):
        text += block
    return text


def sender(end: socket.socket, data: bytes, chance: random.Random) -> threading.Thread:
    """Send in pieces of any size, then end this direction."""

    def send() -> None:
        at = 0
        while at < len(data):
            size = chance.choice([1, 100, 4096, 65536, 300_000])
            end.sendall(data[at : at + size])
            at += size
        end.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


@pytest.mark.parametrize("size", [0, 1, 5000, 65536, 3_000_000])
def test_both_directions_are_copied_at_once(command: list[str], family: int, size: int) -> None:
    chance = random.Random(size)
    there, back = chance.randbytes(size), chance.randbytes(size * 2)
    with relaying(command, family) as relayed:
        relayed.forget()
        threads = [sender(relayed.client, there, chance), sender(relayed.server, back, chance)]
        seen: dict[str, bytes] = {}
        threads.append(threading.Thread(target=lambda: seen.update(client=read_to_end(relayed.client))))
        threads[-1].start()
        seen["server"] = read_to_end(relayed.server)
        for thread in threads:
            thread.join(PATIENCE)
        assert relayed.ends() == 0
    assert seen["server"] == there
    assert seen["client"] == back


def test_end_of_one_direction_leaves_the_other(command: list[str], family: int) -> None:
    with relaying(command, family) as relayed:
        relayed.forget()
        relayed.client.sendall(b"question")
        relayed.client.shutdown(socket.SHUT_WR)
        assert read_to_end(relayed.server) == b"question"
        for _ in range(3):
            relayed.server.sendall(b"x" * 100_000)
            assert receive(relayed.client, 100_000) == b"x" * 100_000
        assert relayed.process.poll() is None
        relayed.server.shutdown(socket.SHUT_WR)
        assert relayed.client.recv(1) == b""
        assert relayed.ends() == 0


def test_server_may_end_first(command: list[str], family: int) -> None:
    with relaying(command, family) as relayed:
        relayed.forget()
        relayed.server.sendall(b"banner")
        relayed.server.shutdown(socket.SHUT_WR)
        assert read_to_end(relayed.client) == b"banner"
        relayed.client.sendall(b"late")
        assert receive(relayed.server, 4) == b"late"
        relayed.client.close()
        assert relayed.server.recv(1) == b""
        assert relayed.ends() == 0


def test_client_that_does_not_read_holds_up_its_own_direction_only(command: list[str], family: int) -> None:
    with relaying(command, family) as relayed:
        relayed.forget()
        relayed.server.setblocking(False)
        sent = fill(relayed.server)
        relayed.server.settimeout(PATIENCE)
        for number in range(100):
            relayed.client.sendall(b"%3d" % number)
            assert receive(relayed.server, 3) == b"%3d" % number
        relayed.server.shutdown(socket.SHUT_WR)
        assert len(read_to_end(relayed.client)) == sent


def fill(end: socket.socket) -> int:
    """Send until nothing more is taken, for longer than a relay needs to take it; return how much."""
    sent, refusals = 0, 0
    while refusals < 20:
        try:
            sent += end.send(b"x" * 65536)
            refusals = 0
        except BlockingIOError:
            refusals += 1
            threading.Event().wait(0.01)
    return sent


def test_waiting_takes_no_time(command: list[str], family: int) -> None:
    """Neither when it is idle, nor when one direction has ended."""
    with relaying(command, family) as relayed:
        relayed.forget()
        relayed.client.sendall(b"x")
        assert relayed.server.recv(1) == b"x"
        before = processor_time(relayed.process.pid)
        threading.Event().wait(0.3)
        relayed.client.shutdown(socket.SHUT_WR)
        assert relayed.server.recv(1) == b""
        threading.Event().wait(0.3)
        assert processor_time(relayed.process.pid) - before < 0.1


def test_what_a_server_sent_before_it_broke_arrives(command: list[str]) -> None:
    with relaying(command, socket.AF_INET) as relayed:
        relayed.forget()
        relayed.server.sendall(b"x" * 10_000)
        assert receive(relayed.client, 10_000) == b"x" * 10_000
        relayed.server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        relayed.server.close()
        assert relayed.client.recv(1) == b""
        relayed.client.close()
        assert relayed.ends() == 0


@pytest.mark.parametrize("is_reset", [True, False])
def test_client_that_breaks_off_ends_both_directions(command: list[str], is_reset: bool) -> None:
    with relaying(command, socket.AF_INET) as relayed:
        relayed.forget()
        relayed.client.sendall(b"question")
        assert receive(relayed.server, 8) == b"question"
        if is_reset:
            relayed.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        relayed.client.close()
        assert relayed.server.recv(1) == b""
        try:
            for _ in range(100):
                relayed.server.sendall(b"x" * 65536)
        except ConnectionError:
            pass
        relayed.server.close()
        assert relayed.ends() == 0


def test_server_that_is_gone_ends_a_silent_client_on_a_path(command: list[str]) -> None:
    """Of a UNIX-domain socket the kernel tells at once that nobody reads any more."""
    with relaying(command, socket.AF_UNIX) as relayed:
        relayed.forget()
        relayed.client.sendall(b"x")
        assert relayed.server.recv(1) == b"x"
        relayed.server.close()
        assert relayed.client.recv(1) == b""
        assert relayed.ends() == 0


def test_sockets_wait_again_in_the_end(command: list[str], family: int) -> None:
    """Large streams are moved without waiting; others may have the client's socket too, such as a shell."""
    with relaying(command, family) as relayed:
        thread = sender(relayed.server, bytes(2_000_000), random.Random(1))
        assert len(receive(relayed.client, 2_000_000)) == 2_000_000
        relayed.client.shutdown(socket.SHUT_WR)
        thread.join(PATIENCE)
        assert relayed.ends() == 0
        assert os.get_blocking(relayed.to_client.fileno())


def test_socket_that_does_not_wait_stays_so(command: list[str], family: int) -> None:
    with relaying(command, family) as relayed:
        os.set_blocking(relayed.to_client.fileno(), False)
        chance = random.Random(2)
        data = chance.randbytes(2_000_000)
        thread = sender(relayed.server, data, chance)
        assert receive(relayed.client, 2_000_000) == data
        relayed.client.shutdown(socket.SHUT_WR)
        thread.join(PATIENCE)
        assert relayed.ends() == 0
        assert not os.get_blocking(relayed.to_client.fileno())


@pytest.mark.parametrize("size", [5, 1_000_000])
def test_pipes_are_ends_too(command: list[str], tmp_path: Path, size: int) -> None:
    data = random.Random(3).randbytes(size)
    (tmp_path / "in").write_bytes(data)
    reader, writer = os.pipe()
    back_reader, back_writer = os.pipe()
    with (
        open(tmp_path / "in", "rb") as given,
        subprocess.Popen(
            command,
            stdin=given,
            stdout=back_writer,
            env=ENVIRONMENT,
            preexec_fn=lambda: [os.dup2(reader, 6), os.dup2(writer, 7)],
            pass_fds=[6, 7],
        ) as process,
    ):  # what it sends to the server comes back at once
        for number in (reader, writer, back_writer):
            os.close(number)
        with os.fdopen(back_reader, "rb") as file:
            assert file.read() == data
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize("arguments", [["x"], ["--x"], ["a", "b"]])
def test_argument_is_refused(arguments: list[str]) -> None:
    done = subprocess.run(
        [*ours("proxyio"), *arguments], capture_output=True, env=ENVIRONMENT, timeout=PATIENCE
    )
    assert (done.returncode, done.stderr) == (100, b"proxyio: usage: proxyio\n")


def test_without_a_connection_it_says_so() -> None:
    done = subprocess.run(ours("proxyio"), capture_output=True, env=ENVIRONMENT, timeout=PATIENCE)
    said = b"proxyio: fatal: unable to use descriptor 6, which tcpclient opens: "
    assert (done.returncode, done.stderr[: len(said)], done.stderr.count(b"\n")) == (111, said, 1)


def test_relay_keeps_the_address_of_the_client(tmp_path: Path) -> None:
    with judging(tmp_path) as judge:
        relay = [*ours("tcpclient"), "-RHl0", "--proxy", "v2", "127.0.0.1", str(judge), *ours("proxyio")]
        with serving(tmp_path, ["-RHl0"], relay) as served, served.connect("127.0.0.9") as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            port = client.getsockname()[1]
            said = read_to_end(client).partition(b"\r\n\r\n")[2]
    assert said == b"127.0.0.9 %d 127.0.0.1 %d" % (port, served.port)


def test_client_that_stays_keeps_the_relay_until_it_speaks(command: list[str]) -> None:
    """A client that keeps its end open keeps the relay: it may still have something to say."""
    with relaying(command, socket.AF_INET) as relayed:
        relayed.forget()
        relayed.server.close()
        assert relayed.client.recv(1) == b""
        assert relayed.process.poll() is None
        relayed.client.sendall(b"x")  # the server's host answers with a reset

        def is_noticed() -> bool:
            try:
                relayed.client.send(b"x")
            except OSError:
                pass
            return relayed.process.poll() is not None

        wait_for(is_noticed, "the end of a relay to nobody")
