"""Processes that serve several connections, behind the server's handlers."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import standinstem
from tests.support.warmworld import World
from ucspi.tcp.connection import Connection
from ucspi.tcp.server import keptpool, stemkeeper
from ucspi.unix import native

pytestmark = [
    pytest.mark.sampled(3),
    pytest.mark.skipif(native.lib is None or standinstem.SYS_CLONE < 0, reason="there are no stems here"),
]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    """Make worlds with kept processes."""
    monkeypatch.setattr(stemkeeper, "REST", 0.01)
    worlds = []

    def make(behaviour: str = "good", limit: int = 1000) -> World:
        worlds.append(World(tmp_path, behaviour, 100, limit))
        assert worlds[-1].handlers.begin() == b""
        return worlds[-1]

    yield make
    for one in worlds:
        one.finish()


def pid_of(here: World, connection: Connection) -> int:
    return int(here.text(connection).split()[1])


def end(here: World, connection: Connection, order: bytes = b"") -> tuple[int, int]:
    """Let a client say an order and go; return pid and status of its end."""
    before = len(here.ended)
    here.clients[connection].sendall(order) if order else here.close(connection)
    here.until(lambda: len(here.ended) == before + 1)
    pid, status, ended = here.ended[-1]
    assert ended is connection
    return pid, status


def test_one_process_serves_one_connection_after_another(world: Callable[..., World]) -> None:
    here = world()
    pids = set()
    for number in range(20):
        connection = here.start()
        pid = pid_of(here, connection)
        assert end(here, connection, b"x" * (number + 1)) == (pid, number + 1 << 8)
        pids.add(pid)
    assert len(pids) == 1
    assert here.handlers._connections == {}


def test_there_are_as_many_as_there_are_clients_at_once(world: Callable[..., World]) -> None:
    here = world()
    for _ in range(3):
        connections = [here.start() for _ in range(5)]
        pids = {pid_of(here, connection) for connection in connections}
        assert len(pids) == 5
        for connection in connections:
            end(here, connection)
    assert len(here.handlers._pool.by_pid) == 5


@pytest.mark.parametrize("way", ["opened", "sent"])
def test_process_that_is_about_to_be_killed_gets_no_other_client(
    world: Callable[..., World], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal may come much later, when the process has answered."""
    here = world()
    first = here.start()
    pid = pid_of(here, first)
    here.until(lambda: first.pid == pid)
    if way == "opened":
        os.close(here.handlers.open(first))
    else:
        with monkeypatch.context() as patched:
            patched.setattr(os, "kill", lambda *signal: None)
            assert here.handlers.send(first, signal.SIGKILL)
    assert end(here, first, b"x") == (pid, 1 << 8)
    assert pid_of(here, here.start()) != pid


def test_process_that_dies_is_the_end_of_its_client(world: Callable[..., World]) -> None:
    here = world()
    for _ in range(2):
        connection = here.start()
        pid = pid_of(here, connection)
        assert end(here, connection, b"die") == (pid, signal.SIGKILL)
        assert here.handlers._pool.by_pid == {}


@pytest.mark.parametrize("order", [b"babble", b"wrong"])
def test_process_that_says_something_else_is_killed(world: Callable[..., World], order: bytes) -> None:
    here = world()
    connection = here.start()
    pid = pid_of(here, connection)
    assert end(here, connection, order) == (pid, signal.SIGKILL)


def test_second_answer_ends_nobody_s_connection(world: Callable[..., World]) -> None:
    here = world()
    connection = here.start()
    pid = pid_of(here, connection)
    assert end(here, connection, b"twice") == (pid, 5 << 8)
    here.until(lambda: here.handlers._pool.by_pid == {})
    assert len(here.ended) == 1


def test_last_answer_and_the_end_of_the_process_are_one_end(world: Callable[..., World]) -> None:
    """Whichever is seen first; and what is sent to it meanwhile goes to another."""
    here = world()
    first = here.start()
    pid = pid_of(here, first)
    here.clients[first].sendall(b"last")
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    here.until(lambda: here.ended)
    assert here.ended == [(pid, 4 << 8, first)]
    second = here.start()
    other = pid_of(here, second)
    assert other != pid
    assert end(here, second) == (other, 0)
    assert here.stems.cold == []


def test_idle_process_that_is_killed_costs_no_client(world: Callable[..., World]) -> None:
    """One that was sent to it before the server knew is served by another."""
    here = world()
    connection = here.start()
    pid = pid_of(here, connection)
    end(here, connection)
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    late = here.start(b"log")
    here.until(lambda: here.stems.cold)
    here.clients[late].sendall(b"x")
    assert here.text(late) == b"x"
    here.until(lambda: len(here.ended) == 2)
    assert here.stems.cold[0][1:] == (b"B=2\0", b"log")
    assert here.ended[-1][1:] == (0, late)


def test_stem_that_is_killed_before_it_forks_costs_no_client(
    world: Callable[..., World], tmp_path: Path
) -> None:
    here = world("hold")
    (tmp_path / "hold").touch()
    connections = [here.start() for _ in range(3)]
    here.stems.stems[0].kill()
    here.until(lambda: len(here.stems.cold) >= 2)
    (tmp_path / "hold").unlink()
    for connection in connections:
        here.close(connection)
    here.until(lambda: len(here.ended) == 3)
    assert here.failed == []


@pytest.mark.parametrize("behaviour", ["deny", "lie", "swallow"])
def test_stem_that_makes_no_process_costs_a_line(world: Callable[..., World], behaviour: str) -> None:
    here = world(behaviour)
    here.start()
    here.until(lambda: here.failed or here.stems.cold)
    here.until(lambda: not here.handlers._pool.by_answers)


def test_after_a_change_idle_processes_end_and_busy_ones_after_their_client(
    world: Callable[..., World],
) -> None:
    here = world()
    busy, idle = here.start(), here.start()
    pids = [pid_of(here, busy), pid_of(here, idle)]
    end(here, idle)
    os.kill(here.stems.stems[0].pid, signal.SIGHUP)
    here.until(lambda: list(here.handlers._pool.by_pid) == pids[:1])
    here.until(lambda: here.handlers._keeper.current)
    fresh = here.start()
    assert pid_of(here, fresh) not in pids
    assert end(here, busy) == (pids[0], 0)
    here.until(lambda: pids[0] not in here.handlers._pool.by_pid)
    end(here, fresh)


def test_idle_process_makes_room_for_another_kind(world: Callable[..., World]) -> None:
    here = world(limit=2)
    connections = [here.start(), here.start()]
    for connection in connections:
        pid_of(here, connection)
    for connection in connections:
        end(here, connection)
    here.stems.is_same = False
    here.start()
    here.until(lambda: len(here.handlers._pool.by_pid) == 1)
    here.start()
    here.until(lambda: here.handlers._pool.by_pid == {})


def test_without_descriptors_for_more_each_client_has_a_process(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world()
    here.handlers._pool._most = 1
    connections = [here.start() for _ in range(3)]
    pids = [pid_of(here, connection) for connection in connections]
    ends = [end(here, connection) for connection in connections]
    assert [pid for pid, _ in ends] == pids
    assert [status for _, status in ends] == [0, 7 << 8, 7 << 8]
    assert keptpool.SHARE > 2


def test_signal_reaches_kept_processes_that_serve(world: Callable[..., World]) -> None:
    here = world()
    connections = [here.start() for _ in range(2)]
    for connection in connections:
        pid_of(here, connection)
    end(here, connections[0])
    here.handlers.signal(signal.SIGTERM)
    here.until(lambda: len(here.ended) == 2)
    assert here.ended[-1][1] == signal.SIGTERM
