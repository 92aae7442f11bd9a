"""Block lists that a server asks itself: which DNS server it asks, and what waits for it."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.nameserver import NameServer, silent, text
from tests.support.patience import PATIENCE, wait_for
from tests.support.serving import read_all
from tests.support.warmed import CAN_BE_WARM, Server, server
from tests.support.world import why_not

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not CAN_BE_WARM, reason="there are no steps without the compiled module and launchers"
    ),
]
CHAIN = ["rblsmtpd", "-r", "list.test", "sh", "-c", "echo served"]
NAME = b"1.0.0.127.list.test"
SETTLE = 0.1  # seconds until a new file is no longer too new to be sure of


def serve_dns(last: int) -> NameServer:
    """Serve lists at the port that all ask, on an address of our own."""
    try:
        return NameServer({}, f"127.{os.getpid() % 250 + 1}.{os.getpid() // 250 % 250 + 1}.{last}", 53)
    except PermissionError:
        pytest.skip("only root may serve the port of DNS")


@pytest.fixture
def lists() -> Iterator[NameServer]:
    with serve_dns(54) as made:
        yield made


def questions(running: Server, lists: NameServer, answer: bytes) -> int:
    """Return how many questions a server was asked about a client that gets this answer."""
    before = len(lists.asked)
    assert answer in running.visit(b"quit\r\n")[0]
    return len(lists.asked) - before


@pytest.mark.slow
def test_system_s_server_is_the_one_that_its_file_names_now(tmp_path: Path, lists: NameServer) -> None:
    if reason := why_not():
        pytest.skip(reason)
    conf = tmp_path / "resolv.conf"
    bind = ["unshare", "--mount", "sh", "-c", 'mount --bind resolv.conf /etc/resolv.conf && exec "$@"', "sh"]
    with serve_dns(55) as other:
        other.manners[NAME] = text(b"Blocked")
        conf.write_bytes(b"nameserver %s\n" % lists.address[0])
        time.sleep(SETTLE)
        with server(tmp_path, "warm", CHAIN, behind=bind) as running:
            assert questions(running, lists, b"served\n") == 1
            conf.write_bytes(b"nameserver %s\n" % other.address[0])
            assert questions(running, other, b"220 rblsmtpd.local") == 1  # the program's alone
            # Once the file was read again, the step asks, and then the program.
            wait_for(lambda: questions(running, other, b"220 rblsmtpd.local") == 2, "a step")
            conf.write_bytes(b"search test\nnameserver %s\n" % lists.address[0])
            assert questions(running, lists, b"served\n") == 1


def test_clients_of_a_silent_list_delay_no_other(tmp_path: Path, lists: NameServer) -> None:
    """Other clients are served at once, and those are after the time that the step may take."""
    environ = {"DNSCACHEIP": lists.address[0].decode()}
    lists.manners[b"9.0.0.127.list.test"] = silent
    line = ["rblsmtpd", "--timeout-dns", "1", *CHAIN[1:]]
    with server(tmp_path, "warm", line, environ=environ) as running:
        waiting = [_connect(running, "127.0.0.9") for _ in range(8)]
        wait_for(lambda: len(lists.asked) >= len(waiting), "all to be asked about")
        for number in range(10, 20):
            with _connect(running, f"127.0.0.{number}") as client:
                assert read_all(client) == b"served\n"
        for client in waiting:
            with client:
                assert read_all(client) == b"served\n"
        # They have waited; from now on the program is executed, which asks for itself.
        with _connect(running, "127.0.0.20") as client:
            assert read_all(client) == b"served\n"
        assert running.process.poll() is None


def _connect(running: Server, source: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", running.port), PATIENCE, (source, 0))
