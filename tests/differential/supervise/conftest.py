"""Services that are gone when a test is over."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.commands import ours
from tests.support.forked import CAN_BE_FORKED, FORKED
from tests.support.oracles import Oracle
from tests.support.supervised import PLAIN, Service

Make = Callable[..., Service]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Give a function from a name to a new service; see `Service`."""
    made: list[Service] = []

    def one(name: str, run: str | None = PLAIN, *, down: bool = False) -> Service:
        made.append(Service(tmp_path / name, run, down=down))
        return made[-1]

    yield one
    for service in made:
        service.close()


@pytest.fixture
def original(oracle: Oracle) -> list[str]:
    """Give Debian's supervise as the beginning of a command."""
    return [oracle("supervise")]


NEEDS_STEM = pytest.mark.skipif(not CAN_BE_FORKED, reason="a supervise is only executed here")
MINE = ["ours", pytest.param("forked", marks=NEEDS_STEM)]


def command(which: str, oracle: Oracle) -> list[str]:
    if which == "original":
        return [oracle("supervise")]
    return FORKED if which == "forked" else ours("supervise")


@pytest.fixture(params=MINE)
def mine(request: pytest.FixtureRequest, oracle: Oracle) -> list[str]:
    """Give ours, executed and as svscan has it forked."""
    return command(request.param, oracle)


@pytest.fixture(params=[*MINE, "original"])
def supervise(request: pytest.FixtureRequest, oracle: Oracle) -> list[str]:
    """Give each supervise in turn: what holds for the original is what ours is held to."""
    return command(request.param, oracle)


@pytest.fixture(params=[*MINE, pytest.param("original", marks=pytest.mark.slow)])
def slow_supervise(request: pytest.FixtureRequest, oracle: Oracle) -> list[str]:
    """Give each supervise in turn, for tests that rest for seconds."""
    return command(request.param, oracle)
