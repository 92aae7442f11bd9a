"""The stages of a shutdown, with a clock of the test's own: wait, TERM, KILL, leave."""

import os
import socket
import threading
import time
from pathlib import Path
from signal import SIGKILL, SIGTERM

import pytest

from ucspi.tcp import names
from ucspi.tcp.server.door import Door
from ucspi.tcp.server.listener import listen
from ucspi.tcp.server.loop import Server
from ucspi.tcp.server.settings import Settings
from ucspi.tcp.server.shutdown import GRACE, Drain
from ucspi.unix import signals
from ucspi.unix.signals import Wakeup
from ucspi.unix.spawn import ForkSpawner, Program


def test_handlers_may_finish_then_get_term_then_kill_then_are_left() -> None:
    drain = Drain(100.0, 10.0)
    assert drain.due(109.9) is None
    assert drain.due(110.0) == SIGTERM
    assert drain.due(110.1) is None
    assert drain.due(110.0 + GRACE) == SIGKILL
    assert not drain.is_over
    assert drain.due(110.0 + 2 * GRACE) is None
    assert drain.is_over


def test_hurry_goes_to_the_next_stage() -> None:
    drain = Drain(100.0, 1000.0)
    drain.hurry(101.0)
    assert drain.due(101.0) == SIGTERM
    drain.hurry(102.0)
    assert drain.due(102.0) == SIGKILL


def test_client_that_comes_together_with_the_order_to_end_is_not_taken_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One poll may see both: the listener is closed before the client would be accepted."""
    settings = Settings()
    settings.verbosity, settings.drain_time = 0, 60.0
    wakeup = Wakeup.__new__(Wakeup)
    wakeup._reader, wakeup.writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    listener = listen(b"127.0.0.1", 0, 5)
    accepted: list[object] = []
    monkeypatch.setattr(Door, "accept", lambda door: accepted.append(door))
    server = Server(
        settings, [listener], None, ForkSpawner(Program([b"true"], [b"/bin/true"], [], b"")), wakeup
    )
    signals._NOTED.add(SIGTERM)
    wakeup.wake()
    with socket.create_connection(("127.0.0.1", listener.port)):
        server.run()
    assert accepted == []


def test_client_still_looked_up_when_handlers_get_term_is_dropped(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its handler would get SIGKILL alone; and the server does not wait for a look-up that hangs."""
    wakeup, started = Wakeup.__new__(Wakeup), threading.Event()
    wakeup._reader, wakeup.writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def hang(ip: bytes) -> bytes:
        while True:
            time.sleep(1)

    def order_the_end() -> None:
        """Be a signal, once there is a helper that looks up the client's name."""
        children = Path(f"/proc/self/task/{os.getpid()}/children")
        before = children.read_text()
        started.set()
        while children.read_text() == before:
            time.sleep(0.01)
        signals._NOTED.add(SIGTERM)
        wakeup.wake()

    monkeypatch.setattr(names, "reverse", hang)
    settings = Settings()
    settings.verbosity, settings.drain_time = 2, 0.0
    settings.local_host, settings.lookup_remote_info = b"0", False
    listener = listen(b"127.0.0.1", 0, 5)
    spawner = ForkSpawner(Program([b"true"], [b"/bin/true"], [], b""))
    threading.Thread(target=order_the_end, daemon=True).start()
    started.wait()
    with socket.create_connection(("127.0.0.1", listener.port), 20) as client:
        begin = time.monotonic()
        Server(settings, [listener], None, spawner, wakeup).run()
        assert time.monotonic() - begin < GRACE
        assert client.recv(1) == b""
    lines = capfd.readouterr().err.splitlines()
    assert lines[-5] == "tcpserver: draining: 1"
    assert lines[-3] == "tcpserver: warning: dropping connection, the server is ending"
    assert lines[-1] == "tcpserver: status: 0/40"
