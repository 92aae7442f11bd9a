"""Handlers are reaped, each once, however many there are."""

import os
import time
from collections.abc import Iterator
from signal import SIGTERM

import pytest

from ucspi.tcp.connection import Connection
from ucspi.tcp.server import handlers as module
from ucspi.tcp.server.handlers import Handlers
from ucspi.unix.oom import Shield


class Children:
    """Spawns children that wait for a signal."""

    native = False

    def __init__(self) -> None:
        self.pids: list[int] = []
        self.shield = Shield()

    def is_preparing(self) -> bool:
        return False

    def spawn(self, connection: int, variables: bytes, log: bytes, output: int = -1) -> int:
        pid = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
        self.pids.append(pid)
        return pid

    def end(self, numbers: list[int]) -> None:
        """End some, and wait until they can be reaped."""
        for number in numbers:
            os.kill(self.pids[number], 9)
        for number in numbers:
            os.waitid(os.P_PID, self.pids[number], os.WEXITED | os.WNOWAIT)


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Iterator[Children]:
    """Children that are gone afterwards; more than six count as many, and two of them as young."""
    for name, value in (("FEW", 6), ("NEWEST", 2), ("FOUND", 3)):
        monkeypatch.setattr(module, name, value)
    children = Children()
    yield children
    for pid in children.pids:
        try:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


def start(children: Children, count: int) -> Handlers:
    handlers = Handlers(children)
    for _ in range(count):
        handlers.start(Connection(-1, b"127.0.0.1", 1, b"127.0.0.1", 2), b"", b"")
    return handlers


@pytest.mark.parametrize("ending", [[0], [9], [0, 9], [0, 1, 2, 3, 4], list(range(10))])
def test_every_one_of_many_that_ended_is_reaped(children: Children, ending: list[int]) -> None:
    handlers = start(children, 10)
    children.end(ending)
    ended = list(handlers.reap())
    assert sorted(pid for pid, _, _ in ended) == sorted(children.pids[number] for number in ending)
    assert {status for _, status, _ in ended} == {9}
    assert list(handlers.reap()) == []


def test_among_many_the_old_ones_are_reaped_when_due(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REST", 10_000_000)
    monkeypatch.setattr(module, "REST_MAX", 60)
    handlers = start(children, 10)
    assert list(handlers.reap()) == []
    children.end([0, 9])
    assert [pid for pid, _, _ in handlers.reap()] == [children.pids[9]]
    assert handlers.due is not None
    assert not handlers.is_due()
    children.end([1])
    assert [pid for pid, _, _ in handlers.reap(all_of_them=True)] == [children.pids[0], children.pids[1]]
    children.end([2])
    assert list(handlers.reap()) == []
    moment = handlers.due
    monkeypatch.setattr(time, "monotonic", lambda: moment)
    assert handlers.is_due()
    assert [pid for pid, _, _ in handlers.reap()] == [children.pids[2]]
    assert handlers.due is None


def test_a_few_are_reaped_at_once(children: Children) -> None:
    handlers = start(children, 6)
    for number in (0, 5, 3):
        children.end([number])
        assert [pid for pid, _, _ in handlers.reap()] == [children.pids[number]]
        assert handlers.due is None


class Numbered:
    """Starts nothing, and counts."""

    native = False

    def __init__(self) -> None:
        self.pid, self.shield = 1000, Shield()

    def is_preparing(self) -> bool:
        return False

    def spawn(self, connection: int, variables: bytes, log: bytes, output: int = -1) -> int:
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
