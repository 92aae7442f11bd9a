"""Ending a handler and its connection: real processes, real sockets."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.support.patience import PATIENCE, wait_for
from ucspi.tcp.connection import Connection
from ucspi.tcp.server import endings as module
from ucspi.tcp.server.endings import Endings
from ucspi.unix import native

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all this")
needs_core = pytest.mark.skipif(native.lib is None, reason="only the compiled module can take a connection")


class Handler:
    """A process with a connection, in the place of all handlers of a server."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process, self.opened = process, 0

    def send(self, connection: Connection, number: int) -> bool:
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        return self.process.returncode is None

    def open(self, connection: Connection) -> int:
        self.opened += 1
        return os.pidfd_open(self.process.pid)


def pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname(), PATIENCE)
        return client, listener.accept()[0]


@contextmanager
def handling(stdin: int, stdout: int) -> Iterator[Handler]:
    process = subprocess.Popen(["sleep", "600"], stdin=stdin, stdout=stdout)
    try:
        yield Handler(process)
    finally:
        process.kill()
        process.wait(PATIENCE)


def have_ended(threads: Endings) -> bool:
    threads._tidy()
    return not threads._tasks


def endings(handler: Handler) -> Endings:
    return Endings(handler, asks=True)  # type: ignore[arg-type]


def connection() -> Connection:
    return Connection(-1, b"127.0.0.1", 1, b"127.0.0.1", 2)


@needs_core
@pytest.mark.parametrize("places", [(0, 1), (0,), (1,)])
def test_connection_is_shut_though_others_have_it(places: tuple[int, ...]) -> None:
    client, served = pair()
    with ExitStack() as stack:
        stack.enter_context(client)
        stack.enter_context(served)  # our own copy is that of somebody else
        ours = [served.fileno() if place in places else subprocess.DEVNULL for place in (0, 1)]
        handler = stack.enter_context(handling(ours[0], ours[1]))
        made = endings(handler)
        identity = made.identify(served.fileno())
        client.settimeout(None)
        assert made.kill(connection(), identity)
        assert client.recv(1) == b""
        assert handler.process.wait(PATIENCE) == -signal.SIGKILL
        wait_for(lambda: have_ended(made), "the thread")


@needs_core
def test_other_connections_of_the_handler_stay_as_they_are() -> None:
    client, served = pair()
    other_client, other = pair()
    with client, served, other_client, other, handling(other.fileno(), subprocess.DEVNULL) as handler:
        made = endings(handler)
        assert made.kill(connection(), made.identify(served.fileno()))
        assert handler.process.wait(PATIENCE) == -signal.SIGKILL
        for near, far in ((client, served), (other_client, other)):
            far.sendall(b"x")
            assert near.recv(1) == b"x"


def test_handler_without_a_connection_is_killed() -> None:
    with handling(subprocess.DEVNULL, subprocess.DEVNULL) as handler:
        assert endings(handler).kill(connection(), b"")
        assert handler.process.wait(PATIENCE) == -signal.SIGKILL
        assert handler.opened == 0


def test_pure_python_kills_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "lib", None)
    client, served = pair()
    with client, served, handling(served.fileno(), served.fileno()) as handler:
        made = endings(handler)
        assert made.kill(connection(), made.identify(served.fileno()))
        assert handler.process.wait(PATIENCE) == -signal.SIGKILL
        served.sendall(b"x")
        assert client.recv(1) == b"x"


@needs_core
def test_threads_that_hang_are_few_and_hold_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    release, blocked = os.pipe()

    class Hanging:
        @staticmethod
        def usys_end_handler(process: int, cookie: bytes) -> int:
            os.read(release, 1)
            return 0

        @staticmethod
        def usys_own_descriptors(kept: int) -> int:
            return -1  # all is shared, so that the pipe is there

    client, served = pair()
    try:
        with client, served, handling(served.fileno(), served.fileno()) as handler:
            made = endings(handler)
            identity = made.identify(served.fileno())
            monkeypatch.setattr(native, "lib", Hanging)
            for _ in range(module.THREADS):
                assert made.kill(connection(), identity)
            assert not made.kill(connection(), identity)
            assert handler.process.poll() is None
            made.kill_only(connection())
            assert handler.process.wait(PATIENCE) == -signal.SIGKILL
            os.write(blocked, b"x" * module.THREADS)
            wait_for(lambda: have_ended(made), "the threads")
            assert made.kill(connection(), b"")
    finally:
        os.close(release)
        os.close(blocked)


@needs_core
def test_without_a_thread_the_handler_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(body: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("ucspi.unix.threadtask.start_deaf_thread", refuse)
    client, served = pair()
    with client, served, handling(served.fileno(), served.fileno()) as handler:
        made = endings(handler)
        before = len(os.listdir("/proc/self/fd"))
        assert made.kill(connection(), made.identify(served.fileno()))
        assert handler.process.wait(PATIENCE) == -signal.SIGKILL
        assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may")
def test_only_what_is_still_held_is_cut() -> None:
    client, served = pair()
    with client, handling(subprocess.DEVNULL, subprocess.DEVNULL) as handler:
        made = endings(handler)
        identity = made.identify(served.fileno())
        copy = served.dup()
        served.sendall(b"bye")
        served.close()
        copy.close()
        made.cut(identity)  # nobody holds it: what was said last must still arrive
        assert client.recv(10) == b"bye"
        assert client.recv(10) == b""
    client, served = pair()
    with client, served, handling(subprocess.DEVNULL, subprocess.DEVNULL) as handler:
        made = endings(handler)
        made.cut(made.identify(served.fileno()))
        with pytest.raises(ConnectionResetError):
            client.recv(1)
