"""A server that ends when it has had no client for some time, and whoever comes meanwhile."""

import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.commands import ours
from tests.support.patience import PATIENCE, wait_for
from tests.support.peers import Peer, fill
from tests.support.serving import COMMAND, ENVIRONMENT, read_all
from tests.support.socketservers import ANSWER, answer, burst, connect, tcpserver
from tests.support.supervised import Service

pytestmark = pytest.mark.e2e

IDLE = ["-HRl0", "--exit-when-idle", "1", "--listen-fd", "0"]


@contextmanager
def passing(options: list[str], *program: str) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """Start a server that gets a listening socket; give its port and the process."""
    with socket.create_server(("127.0.0.1", 0)) as given:
        process = subprocess.Popen(
            [*COMMAND, *options, *program], stdin=given.fileno(), stderr=subprocess.PIPE, env=ENVIRONMENT
        )
        try:
            yield given.getsockname()[1], process
        finally:
            process.kill()
            process.communicate(timeout=PATIENCE)


def test_it_ends_with_0_and_gives_the_socket_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as given:
        begun = time.monotonic()
        done = subprocess.run(
            [*COMMAND, *IDLE, "true"],
            stdin=given.fileno(),
            env=ENVIRONMENT,
            capture_output=True,
            timeout=PATIENCE,
        )
        assert time.monotonic() - begun >= 1
        assert (done.returncode, done.stderr) == (0, b"")
        assert os.get_blocking(given.fileno())


def test_handler_keeps_it_alive_and_its_time_begins_at_the_end() -> None:
    with passing(IDLE, "cat") as (port, process):
        with connect(port) as client:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(2.5)
            client.sendall(b"x")
            assert client.recv(1) == b"x"
            over = time.monotonic()
        assert process.wait(PATIENCE) == 0
        assert time.monotonic() - over > 0.9


def test_client_that_has_not_told_who_it_is_keeps_it_alive() -> None:
    options = ["--proxy-from", "127.0.0.1", "--timeout-proxy", "30", *IDLE]
    with passing(options, "echo", "served") as (port, process):
        with connect(port) as client:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(2)
            client.sendall(b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n")
            assert read_all(client) == b"served\n"
        assert process.wait(PATIENCE) == 0


def test_denied_clients_keep_it_alive_too(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text(":deny\n")
    with passing(["--rules-text", str(tmp_path / "rules"), *IDLE], "echo") as (port, process):
        until = time.monotonic() + 2
        while time.monotonic() < until:
            assert burst(port, 1) == [b""]
            time.sleep(0.05)
        assert process.poll() is None
        assert process.wait(PATIENCE) == 0


def test_it_may_be_told_to_end_meanwhile() -> None:
    with passing(["--drain", "30", *IDLE], "cat") as (port, process):
        with connect(port) as client:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
            process.send_signal(signal.SIGTERM)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(2)
        assert process.wait(PATIENCE) == 0


def test_handlers_in_python_that_are_kept_end_with_it(tmp_path: Path) -> None:
    (tmp_path / "served.py").write_text("def serve(client):\n    client.writer.write(b'served\\n')\n")
    here = {**ENVIRONMENT, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ENVIRONMENT['PYTHONPATH']}"}
    program = [*ours("pyhandler"), "--keep", "10", "served:serve"]
    with socket.create_server(("127.0.0.1", 0)) as given:
        process = subprocess.Popen([*COMMAND, *IDLE, *program], stdin=given.fileno(), env=here)
        try:
            assert burst(given.getsockname()[1], 5) == [ANSWER] * 5
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
            process.wait(PATIENCE)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--listen-fd", "0", "--exit-when-idle", "0", "true"], b"give 1 or more"),
        (["--listen-fd", "0", "--exit-when-idle", "soon", "true"], b"soon"),
        (["--listen-fd", "0", "--exit-when-idle", "-1", "true"], b"-1"),
        (["--exit-when-idle", "1", "127.0.0.1", "0", "true"], b"is for sockets that are passed"),
        (["--listen-fd", "0", "--listen", "127.0.0.1:0", "--exit-when-idle", "1", "true"], b"are passed"),
        (["--listen-fd", "0", "--listen", "unix:/nowhere/s", "--exit-when-idle", "1", "true"], b"are passed"),
    ],
)
def test_what_makes_no_sense_is_one_line(options: list[str], said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as given:
        done = subprocess.run(
            [*COMMAND, *options], stdin=given.fileno(), env=ENVIRONMENT, capture_output=True, timeout=PATIENCE
        )
    assert done.returncode == 100
    assert said in done.stderr
    assert done.stderr.count(b"\n") == 1


class Cycle:
    """A service that its clients start, and that ends when it is idle."""

    def __init__(self, directory: Path) -> None:
        self.place = directory.with_suffix(".s")
        self.service = Service(directory, tcpserver("-HRl0 -c 100 --exit-when-idle 1"))
        fill(directory, {"sockets": f"unix:{self.place}\n", "flag-on-demand": ""})
        self.service.start(ours("supervise"))
        wait_for(lambda: self.service.known().awaits_client, "it awaits a client")

    def drive(self, cycles: int, chance: random.Random) -> int:
        """Let clients come around the moment at which it ends; return how many, who all were answered."""
        served = 0
        while self.service.starts() < cycles:
            count = chance.randrange(1, 8)
            assert burst(self.place, count) == [ANSWER] * count
            served += count
            time.sleep(chance.uniform(0.99, 1.04))  # the server is just about to end, or just has
        return served

    def close(self) -> None:
        self.service.close()
        Peer(self.service.directory, "", {}).close()


def test_nobody_is_lost_between_two_servers(tmp_path: Path) -> None:
    cycle = Cycle(tmp_path / "x")
    try:
        assert cycle.drive(3, random.Random(1)) >= 3
        early = [connect(cycle.place) for _ in range(50)]
        assert [answer(client) for client in early] == [ANSWER] * 50
        wait_for(lambda: cycle.service.known().awaits_client, "it ends at last")
        assert cycle.service.said() == b""
    finally:
        cycle.close()


@pytest.mark.slow
def test_nobody_is_lost_in_many_cycles(tmp_path: Path) -> None:
    """The clients of eight services at the same time come when the servers end."""
    made = [Cycle(tmp_path / f"x{number}") for number in range(8)]
    served = [0] * len(made)

    def drive(number: int) -> None:
        served[number] = made[number].drive(40, random.Random(number))

    threads = [threading.Thread(target=drive, args=(number,)) for number in range(len(made))]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        for cycle in made:
            cycle.close()
    assert all(count >= 40 for count in served), served
