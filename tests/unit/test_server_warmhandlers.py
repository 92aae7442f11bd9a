"""Handlers that a stem forks, with stems that do what they should, and with those that do not."""

import errno
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support import standinstem
from tests.support.patience import wait_for
from tests.support.warmworld import World
from ucspi.tcp.server import stemkeeper, warmhandlers
from ucspi.unix import native, stem
from ucspi.unix.chain import Ending
from ucspi.unix.stemchannel import BASE as FIRST
from ucspi.unix.stemchannel import PACKET_MAX, pack_base, unpack

pytestmark = [
    pytest.mark.sampled(2),
    pytest.mark.skipif(native.lib is None or standinstem.SYS_CLONE < 0, reason="there are no stems here"),
]
BASE = pack_base([b"A=1"], [])
MANY = 60
IDLE = ["lie", "self", "deaf", "swallow", "cut"]  # they never do their work


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], World]]:
    """Make worlds with stems of a behaviour; they are started again sooner than usual.

    Only those that never do their work are given up sooner: on a busy machine
    the others take their time.
    """
    monkeypatch.setattr(stemkeeper, "REST", 0.01)
    worlds = []

    def make(behaviour: str) -> World:
        if behaviour in IDLE:
            monkeypatch.setattr(stem, "STUCK", 0.5)
            monkeypatch.setattr(warmhandlers, "STUCK", 0.5)
        worlds.append(World(tmp_path, behaviour))
        return worlds[-1]

    yield make
    for one in worlds:
        one.finish()


def test_stem_serves_and_its_children_are_ours(world: Callable[[str], World]) -> None:
    here = world("good")
    assert here.handlers.begin() == b""
    connections = [here.start() for _ in range(MANY)]
    for connection in connections:
        word, _, variables = here.text(connection).split(b" ")
        assert (word, variables) == (b"warm", b"B=2\0")
        here.close(connection)
    here.until(lambda: len(here.ended) == MANY)
    assert {status for _, status, _ in here.ended} == {7 << 8}
    assert len({pid for pid, _, _ in here.ended}) == MANY
    assert [connection for _, _, connection in here.ended if connection not in connections] == []
    assert (here.stems.cold, here.failed, here.report.lines) == ([], [], [])


@pytest.mark.parametrize("behaviour", ["fail"])
def test_module_that_cannot_be_used_is_told(world: Callable[[str], World], behaviour: str) -> None:
    assert world(behaviour).handlers.begin() == b"for a reason"


@pytest.mark.parametrize(
    ("behaviour", "line"),
    [
        ("cold", b"pyhandler is not kept warm: for a reason"),
        ("die", b"warm pyhandler ended with exit code 3 before it was ready; serving cold"),
    ],
)
def test_without_a_stem_all_is_cold(world: Callable[[str], World], behaviour: str, line: bytes) -> None:
    here = world(behaviour)
    assert here.handlers.begin() == b""
    connection = here.start(b"log")
    here.clients[connection].sendall(b"x")
    assert here.text(connection) == b"x"
    here.until(lambda: here.ended)
    assert here.ended[0][1] == 0
    assert here.report.lines == [line]
    assert here.stems.cold[0][1:] == (b"B=2\0", b"log")


def test_failing_stems_are_started_ever_more_rarely(
    world: Callable[[str], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world("die")
    here.handlers.begin()
    here.until(lambda: len(here.stems.stems) == 4)
    assert here.handlers._keeper._rest >= 8 * stemkeeper.REST
    assert len(here.report.lines) == 1
    monkeypatch.setattr(stemkeeper, "REST_MAX", 0.01)
    here.stems.behaviour = "good"
    here.until(lambda: here.handlers._keeper.current)
    connection = here.start()
    assert here.text(connection).startswith(b"warm ")


def test_killed_stem_loses_nobody(world: Callable[[str], World], tmp_path: Path) -> None:
    """Those that it has not taken are served cold, with what was sent for them; then there is a new stem."""
    here = world("hold")
    here.handlers.begin()
    before = [here.start() for _ in range(5)]
    for connection in before:
        assert here.text(connection).startswith(b"warm ")
    (tmp_path / "hold").touch()
    waiting = [here.start(b"%d" % number) for number in range(MANY)]
    assert here.stems.cold == []
    here.stems.stems[0].kill()
    here.until(lambda: len(here.stems.cold) >= MANY - 1)
    cold = len(here.stems.cold)
    logs = [log for _, _, log in here.stems.cold]
    assert logs == [b"%d" % number for number in range(MANY - cold, MANY)]
    (tmp_path / "hold").unlink()
    here.until(lambda: here.handlers._keeper.current)
    for connection in waiting[MANY - cold :]:
        here.clients[connection].sendall(b"y")
        assert here.text(connection) == b"y"
    for connection in (*before, *waiting):
        here.close(connection)
    here.until(lambda: len(here.ended) == MANY + 5)
    assert here.report.lines == [b"warm pyhandler was killed by signal 9; serving cold until it is back"]
    assert here.failed == []


def test_packet_of_a_child_that_exists_is_not_served_again(world: Callable[[str], World]) -> None:
    here = world("half")
    here.handlers.begin()
    for round_ in range(1, 4):
        connection = here.start()
        assert here.text(connection).startswith(b"warm ")
        here.close(connection)
        here.until(lambda: len(here.ended) == round_)  # noqa: B023
        # That one which has forked may not have ended yet: what it is given now it does not take.
        here.until(lambda: here.handlers._keeper.current in here.stems.stems[round_:])  # noqa: B023
    assert here.stems.cold == []


def test_slot_is_not_used_again_while_its_packet_may_be_in_the_queue(world: Callable[[str], World]) -> None:
    here = world("good")
    here.handlers.begin()
    slots: list[int] = []
    for number in range(20):
        connection = here.start()
        slots += here.stems.stems[0].waiting
        here.text(connection)
        here.close(connection)
        here.until(lambda: len(here.ended) == number + 1)  # noqa: B023
    assert all(slot != after for slot, after in pairwise(slots))
    assert len(set(slots)) <= 3


def has_taken_one(given: stem.Stem) -> bool:
    """Return whether a stem has taken out the first connection that it was given."""
    try:
        packet = given._theirs.recv(PACKET_MAX, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return True
    kind, slot, *_ = unpack(packet)
    return kind != FIRST and slot != next(iter(given.waiting))


@pytest.mark.parametrize("behaviour", IDLE)
def test_stem_that_does_not_do_its_work_is_killed(world: Callable[[str], World], behaviour: str) -> None:
    """Whoever is in its queue is served cold; for whom it has taken out a line is written."""
    here = world(behaviour)
    here.handlers.begin()
    connections = [here.start() for _ in range(3)]
    if behaviour != "deaf":
        wait_for(lambda: has_taken_one(here.stems.stems[0]), "the stem to take one out")
    here.until(lambda: len(here.stems.cold) + len(here.failed) == 3)
    # How many more it takes out before it is killed is a matter of chance.
    assert bool(here.failed) == (behaviour != "deaf"), here.stems.cold
    assert 1 not in here.handlers._connections
    assert here.report.lines[0].startswith(b"warm pyhandler was killed by signal 9")
    if behaviour == "deaf":
        for connection in connections:
            here.close(connection)
        here.until(lambda: len(here.ended) == 3)


def test_process_that_cannot_be_made_is_told(world: Callable[[str], World]) -> None:
    here = world("deny")
    here.handlers.begin()
    connections = [here.start() for _ in range(3)]
    here.until(lambda: len(here.failed) == 3)
    assert here.failed == [(connection, errno.EAGAIN) for connection in connections]
    assert here.text(connections[0]) == b""
    assert here.report.lines == []


def test_packets_that_nobody_expects_do_no_harm(world: Callable[[str], World]) -> None:
    here = world("babble")
    assert here.handlers.begin() == b""
    assert here.text(here.start()).startswith(b"warm ")


def test_signal_reaches_those_whose_pids_are_not_known(world: Callable[[str], World], tmp_path: Path) -> None:
    here = world("hold")
    here.handlers.begin()
    first = here.start()
    here.text(first)
    (tmp_path / "hold").touch()
    late = [here.start() for _ in range(3)]
    here.handlers.signal(signal.SIGTERM)
    here.until(lambda: len(here.ended) == 1)
    (tmp_path / "hold").unlink()
    here.until(lambda: len(here.ended) == 4)
    assert {status for _, status, _ in here.ended} == {signal.SIGTERM}
    assert {connection for _, _, connection in here.ended} == {first, *late}


def test_full_queue_is_cold(world: Callable[[str], World], tmp_path: Path) -> None:
    here = world("hold")
    here.handlers.begin()
    (tmp_path / "hold").touch()
    big = b"x" * 100_000
    for _ in range(30):
        here.start(big)
    assert 0 < len(here.stems.cold) < 30
    (tmp_path / "hold").unlink()
    for connection in list(here.clients):
        here.close(connection)
    here.until(lambda: len(here.ended) == 30)
    assert here.failed == []


def test_packet_that_is_too_large_is_cold(world: Callable[[str], World]) -> None:
    here = world("good")
    here.handlers.begin()
    here.start(b"x" * 300_000)
    assert len(here.stems.cold) == 1
    assert here.stems.stems[0].waiting == {}


def test_change_makes_a_new_stem(world: Callable[[str], World]) -> None:
    here = world("good")
    here.handlers.begin()
    (old,) = here.stems.stems
    connection = here.start()
    here.stems.is_same = False
    here.start()
    assert len(here.stems.cold) == 1
    here.stems.ending, here.stems.is_same = Ending([], []), True
    here.until(lambda: here.handlers._keeper.current not in (None, old))
    here.until(lambda: old.pid not in here.handlers._keeper.stems)
    assert here.report.lines == []
    assert here.text(connection).startswith(b"warm ")
    assert here.text(here.start()).startswith(b"warm ")


def test_stem_that_is_told_to_end_is_replaced_without_a_line(world: Callable[[str], World]) -> None:
    here = world("good")
    here.handlers.begin()
    (old,) = here.stems.stems
    os.kill(old.pid, signal.SIGHUP)
    here.until(lambda: here.handlers._keeper.current not in (None, old))
    assert here.report.lines == []


def test_lack_of_memory_that_lost_a_reaped_child(world: Callable[[str], World]) -> None:
    here = world("good")
    here.handlers.begin()
    connections = [here.start() for _ in range(3)]
    pids = [int(here.text(connection).split()[1]) for connection in connections]
    here.close(connections[0])
    os.waitpid(pids[0], 0)
    here.stems.stems[0].kill()
    os.waitpid(here.stems.stems[0].pid, 0)
    assert [(status, connection) for _, status, connection in here.handlers.lost()] == [
        (111 << 8, connections[0])
    ]
    here.until(lambda: len(here.stems.stems) == 2)


def test_finish_leaves_no_stem(world: Callable[[str], World]) -> None:
    here = world("deaf")
    here.handlers.begin()
    pid = here.stems.stems[0].pid
    here.handlers.finish()
    began = time.monotonic()
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    assert time.monotonic() - began < 20
