"""Chains that are read again while children of earlier ones still wait."""

import os
import signal
import socket
from collections.abc import Iterator

import pytest

from tests.support.patience import wait_for
from ucspi.unix import chainspawn, native
from ucspi.unix.chain import Chain, Plan, Step
from ucspi.unix.chainclient import Client
from ucspi.unix.chainspawn import ChainSpawner
from ucspi.unix.spawn import Program

pytestmark = pytest.mark.skipif(native.lib is None, reason="the compiled module is not built")

MINUTE = 60_000  # milliseconds


@pytest.fixture
def deaf() -> Iterator[int]:
    """Give a port that never answers: its backlog is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        clients = [socket.socket() for _ in range(3)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
        for client in clients:
            client.close()


class Changing:
    """Reads another chain each time: a connection to a port that never answers."""

    is_unsettled = True

    def __init__(self, port: int) -> None:
        self._port = port

    def read(self) -> Chain | None:
        client = Client([(b"\x7f\0\0\1", b"deaf")], self._port, b"0")
        client.patience = (MINUTE, 0)
        plan = Plan(b"tcpclient", "USYS_CLIENT", b"/bin/true", [b"true"], client=client)
        return Chain([Step(plan, b"", [b"/bin/true"])], [])


def test_chains_that_waiting_children_use_are_kept_and_are_few(deaf: int) -> None:
    program = Program([b"echo", b"executed"], [b"/bin/echo"], [], b"server: fatal: ")
    spawner = ChainSpawner(program, Changing(deaf))
    mine, its = socket.socketpair()
    with mine:
        pid = spawner.spawn(its.detach(), b"", b"")
        first = spawner._kept
        for _ in range(3 * chainspawn._OLD_MAX):
            spawner._use(Changing(deaf).read())
        assert first in spawner._old
        assert len(spawner._old) == chainspawn._OLD_MAX
        assert spawner.is_preparing()
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
    wait_for(lambda: not spawner.is_preparing(), "the child to leave our memory")
    last = spawner._kept
    spawner._use(Changing(deaf).read())
    assert spawner._kept is not last
    assert not spawner._old
