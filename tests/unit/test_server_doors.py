"""Listeners whose accept fails: which errors concern one client, and which make the server pause."""

import errno
import os
from collections.abc import Iterator

import pytest

from tests.support.accept_errors import OF_ONE_CLIENT, OF_THE_SYSTEM
from ucspi.tcp.server.doors import CLIENT_ERRORS_MAX, PAUSE, Doors
from ucspi.tcp.server.listener import listen
from ucspi.tcp.server.settings import Settings


@pytest.fixture
def doors(now: list[float]) -> Iterator[Doors]:
    reader, writer = os.pipe()
    made = Doors([listen(b"127.0.0.1", 0, 5)], Settings(), [reader])
    yield made
    made.close()
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("name", OF_ONE_CLIENT)
def test_trouble_of_one_client_does_not_delay_the_next(doors: Doors, name: str) -> None:
    assert not doors.accept_failed(getattr(errno, name))
    assert not doors.is_paused()


@pytest.mark.parametrize("name", OF_THE_SYSTEM)
def test_trouble_of_the_system_is_told_once_and_pauses(doors: Doors, now: list[float], name: str) -> None:
    number = getattr(errno, name)
    assert doors.accept_failed(number)
    for _ in range(5):
        assert doors.is_paused()
        now[0] += PAUSE
        assert not doors.is_paused()
        assert not doors.accept_failed(number)
    now[0] += 3 * PAUSE
    assert doors.accept_failed(number)


def test_too_many_clients_that_are_gone_are_trouble_of_the_system(doors: Doors, now: list[float]) -> None:
    assert not any(doors.accept_failed(errno.ECONNABORTED) for _ in range(CLIENT_ERRORS_MAX))
    assert doors.accept_failed(errno.ECONNABORTED)
    assert doors.is_paused()
    now[0] += 2 * PAUSE
    assert not doors.accept_failed(errno.ECONNABORTED)
    assert not doors.is_paused()


def test_pause_ends_when_something_was_given_back(doors: Doors) -> None:
    doors.accept_failed(errno.EMFILE)
    doors.resume()
    assert not doors.is_paused()
