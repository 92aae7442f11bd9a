"""When a server without clients ends; with a clock of the test's own."""

import pytest

from ucspi.tcp.server.idleness import Idleness


class World:
    """A server as idleness sees it."""

    def __init__(self) -> None:
        self.is_busy = self.is_waited_for = False
        self.looks = 0

    def look(self) -> bool:
        self.looks += 1
        return self.is_waited_for


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def idleness(world: World, now: list[float]) -> Idleness:
    return Idleness(10.0, lambda: world.is_busy, world.look)


def test_it_is_over_after_its_time(idleness: Idleness, world: World, now: list[float]) -> None:
    assert idleness.deadline() == 1010.0
    now[0] = 1009.9
    assert not idleness.is_over()
    assert world.looks == 0, "a look costs a system call, and is the last thing that is done"
    now[0] = 1010.0
    assert idleness.is_over()
    assert world.looks == 1


def test_time_begins_when_the_last_client_has_gone(
    idleness: Idleness, world: World, now: list[float]
) -> None:
    world.is_busy = True
    for now[0] in (1005.0, 1050.0):
        assert not idleness.is_over()
        assert idleness.deadline() is None
    world.is_busy, now[0] = False, 1070.0  # the server has slept meanwhile
    assert not idleness.is_over()
    assert idleness.deadline() == 1080.0
    now[0] = 1079.0
    assert not idleness.is_over()
    now[0] = 1080.0
    assert idleness.is_over()


def test_client_in_the_backlog_is_never_left(idleness: Idleness, world: World, now: list[float]) -> None:
    """Not even one that cannot be accepted now, say while there are no rules."""
    world.is_waited_for = True
    for now[0] in (1010.0, 1020.0, 1030.0):
        assert not idleness.is_over()
        assert idleness.deadline() == now[0] + 10
    world.is_waited_for = False
    now[0] = 1040.0
    assert idleness.is_over()


def test_who_was_turned_away_begins_it_anew(idleness: Idleness, now: list[float]) -> None:
    now[0] = 1009.0
    idleness.restart()
    now[0] = 1018.9
    assert not idleness.is_over()
    now[0] = 1019.0
    assert idleness.is_over()
