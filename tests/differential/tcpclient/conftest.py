"""The two sides, the probe, and servers on loopback."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import Oracle
from tests.differential.tcpclient.both import write_commands
from tests.differential.tcpserver.report import compile_probe


@pytest.fixture(scope="session")
def originals(oracle: Oracle) -> Path:
    return Path(oracle("tcpclient")).parent


@pytest.fixture(scope="session")
def our_clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_commands(tmp_path_factory.mktemp("clients"))


@pytest.fixture(scope="session")
def client_probe(tmp_path_factory: pytest.TempPathFactory) -> str:
    probe = compile_probe(tmp_path_factory.mktemp("probe"))
    if probe is None:
        pytest.skip("no C compiler for the probe")
    return str(probe)


def _serve(listener: socket.socket) -> None:
    """Keep each connection until its client closes it."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_wait_for_the_end, args=(connection,), daemon=True).start()


def _wait_for_the_end(connection: socket.socket) -> None:
    with connection:
        try:
            connection.recv(1)
        except OSError:
            pass


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Give a port on which 127.0.0.1 serves and 127.0.0.9 refuses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def deaf(port: int) -> Iterator[int]:
    """Give the same port, with 127.0.0.2 and 127.0.0.3 never answering: their backlogs are full."""
    with ExitStack() as stack:
        for ip in ("127.0.0.2", "127.0.0.3"):
            listener = stack.enter_context(socket.socket())
            listener.bind((ip, port))
            listener.listen(0)
            for _ in range(3):
                client = stack.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex((ip, port))
        yield port
