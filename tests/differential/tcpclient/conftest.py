"""The two sides, the probe, and servers on loopback."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.differential.tcpclient.both import write_commands
from tests.support.oracles import Oracle
from tests.support.probe import compile_probe


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


SERVING, DEAF, REFUSING = "127.0.0.1", ("127.0.0.2", "127.0.0.3"), "127.0.0.9"


def bind_all() -> dict[str, socket.socket]:
    """Bind one port on all addresses; what else runs here may have it on one of them already."""
    while True:
        bound = {ip: socket.socket() for ip in (SERVING, *DEAF, REFUSING)}
        port = 0
        try:
            for ip, its in bound.items():
                its.bind((ip, port))
                port = its.getsockname()[1]
            return bound
        except OSError:
            for its in bound.values():
                its.close()


@pytest.fixture(scope="module")
def bound() -> Iterator[dict[str, socket.socket]]:
    """Give a socket on each address, all with one port; none listens yet."""
    bound = bind_all()
    yield bound
    for its in bound.values():
        its.close()


@pytest.fixture(scope="module")
def port(bound: dict[str, socket.socket]) -> Iterator[int]:
    """Give a port on which one address serves; the others refuse."""
    listener = bound[SERVING]
    listener.listen()
    threading.Thread(target=_serve, args=(listener,), daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def deaf(port: int, bound: dict[str, socket.socket]) -> Iterator[int]:
    """Give the same port, on which two addresses never answer: their backlogs are full."""
    with ExitStack() as stack:
        for ip in DEAF:
            bound[ip].listen(0)
            for _ in range(3):
                client = stack.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex((ip, port))
        yield port
