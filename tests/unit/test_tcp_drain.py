import os
import socket
from signal import SIGKILL, SIGTERM

import pytest

from ucspi.tcp.door import Door
from ucspi.tcp.drain import GRACE, Drain
from ucspi.tcp.listener import listen
from ucspi.tcp.server import Server
from ucspi.tcp.settings import Settings
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
    wakeup._reader, wakeup._writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    listener = listen(b"127.0.0.1", 0, 5)
    accepted: list[object] = []
    monkeypatch.setattr(Door, "accept", lambda door: accepted.append(door))
    server = Server(
        settings, [listener], None, ForkSpawner(Program([b"true"], [b"/bin/true"], [], b"")), wakeup
    )
    os.write(wakeup._writer, bytes([SIGTERM]))
    with socket.create_connection(("127.0.0.1", listener.port)):
        server.run()
    assert accepted == []
