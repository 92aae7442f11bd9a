"""Clients behind a balancer who are denied again, by a server that tells nobody of it."""

import os
import signal
import socket
import struct
from pathlib import Path

import pytest

from tests.support.balanced import SHOW, V1, shown, talk
from tests.support.patience import wait_for
from tests.support.rules_files import image_of
from tests.support.serving import Served, hold, read_all, serving

pytestmark = pytest.mark.e2e

QUIET = ("-HRl0", "--proxy-from", "127.0.0.1", "-x", "rules.cdb")
DENY, ALLOW = b"192.0.2.:deny\n:allow\n", b":allow\n"


def publish(folder: Path, text: bytes) -> None:
    (folder / "new").write_bytes(image_of(text))
    (folder / "new").rename(folder / "rules.cdb")


def deny_twice(served: Served) -> None:
    """Be denied, so that this is remembered."""
    for _ in range(2):
        assert talk(served.connect(), V1) == b""


def come(served: Served, count: int) -> list[socket.socket]:
    """Have so many clients wait for a server that is stopped, each with its header."""
    clients = [served.connect() for _ in range(count)]
    for client in clients:
        client.sendall(V1)
    return clients


def descriptors(served: Served) -> int:
    return len(os.listdir(f"/proc/{served.process.pid}/fd"))


@pytest.mark.parametrize("limit", [3, 40])
def test_change_of_the_rules_counts_for_who_comes_after_it(tmp_path: Path, limit: int) -> None:
    publish(tmp_path, DENY)
    with serving(tmp_path, [*QUIET, f"-c{limit}"], SHOW) as served:
        deny_twice(served)
        served.process.send_signal(signal.SIGSTOP)
        publish(tmp_path, ALLOW)
        clients = come(served, 20)
        served.process.send_signal(signal.SIGCONT)
        for client in clients:
            variables, _ = shown(talk(client))
            assert variables["TCPREMOTEIP"] == "192.0.2.1"
        publish(tmp_path, DENY)
        deny_twice(served)
        assert served.stop() == 0


@pytest.mark.parametrize("text", [b"damage", None], ids=["damaged", "gone"])
def test_rules_that_cannot_be_read_deny_with_a_line_for_each(tmp_path: Path, text: bytes | None) -> None:
    publish(tmp_path, DENY)
    with serving(tmp_path, QUIET, SHOW) as served:
        deny_twice(served)
        served.process.send_signal(signal.SIGSTOP)
        if text is None:
            (tmp_path / "rules.cdb").unlink()
        else:
            (tmp_path / "rules.cdb").write_bytes(text)
        clients = come(served, 5)
        served.process.send_signal(signal.SIGCONT)
        assert [talk(client) for client in clients] == [b""] * 5
        lines = served.wait_for(lambda lines: len(lines) >= 5)
        assert all("dropping connection, unable to read rules.cdb: " in line for line in lines)
        assert served.stop() == 0


def test_denied_clients_that_are_gone_or_say_more_cost_nothing(tmp_path: Path) -> None:
    publish(tmp_path, DENY)
    with serving(tmp_path, [*QUIET, "-c2"], ["cat"]) as served:
        deny_twice(served)
        before = descriptors(served)
        served.process.send_signal(signal.SIGSTOP)
        clients = come(served, 40)
        for number, client in enumerate(clients):
            if number % 3 == 0:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()  # by a reset
            elif number % 3 == 1:
                client.sendall(b"more")
        served.process.send_signal(signal.SIGCONT)
        for client in clients:
            if client.fileno() >= 0:
                with client:
                    assert read_all(client) == b""  # maybe by a reset: what it said more was not read
        hold(served, "127.0.0.2").close()
        wait_for(lambda: descriptors(served) == before, "all descriptors to be closed")
        assert served.lines() == []
        assert served.stop() == 0


@pytest.mark.parametrize("option", [["-v"], ["--log", "json"]], ids=["classic", "json"])
def test_where_it_is_written_every_denied_client_is(tmp_path: Path, option: list[str]) -> None:
    publish(tmp_path, DENY)
    with serving(tmp_path, [*QUIET, "-v", *option], SHOW) as served:
        served.process.send_signal(signal.SIGSTOP)
        clients = come(served, 20)
        served.process.send_signal(signal.SIGCONT)
        assert [talk(client) for client in clients] == [b""] * 20
        served.wait_for(lambda lines: sum("deny" in line and "192.0.2.1" in line for line in lines) == 20)
        assert served.stop() == 0
