import os
from signal import SIGTERM

import pytest

from ucspi.tcp.connection import Connection
from ucspi.tcp.handlers import Handlers


class Numbered:
    """Starts nothing, and counts."""

    native = False

    def __init__(self) -> None:
        self.pid = 1000

    def spawn(self, connection: int, variables: bytes, log: bytes) -> int:
        self.pid += 1
        return self.pid


def test_handler_that_became_another_user_does_not_stop_a_signal_to_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handlers = Handlers(Numbered())
    for _ in range(3):
        handlers.start(Connection(-1, b"127.0.0.1", 1, b"127.0.0.1", 2), b"", b"")
    reached = []

    def kill(pid: int, number: int) -> None:
        if pid == 1001:
            raise PermissionError
        reached.append((pid, number))

    monkeypatch.setattr(os, "kill", kill)
    handlers.signal(SIGTERM)
    assert reached == [(1002, SIGTERM), (1003, SIGTERM)]
