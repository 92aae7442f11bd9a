"""Services that are gone when a test is over."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.commands import ours
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


@pytest.fixture(params=["ours", "original"])
def supervise(request: pytest.FixtureRequest, oracle: Oracle) -> list[str]:
    """Give each supervise in turn: what holds for the original is what ours is held to."""
    return ours("supervise") if request.param == "ours" else [oracle("supervise")]


@pytest.fixture(params=["ours", pytest.param("original", marks=pytest.mark.slow)])
def slow_supervise(request: pytest.FixtureRequest, oracle: Oracle) -> list[str]:
    """Give each supervise in turn, for tests that rest for seconds."""
    return ours("supervise") if request.param == "ours" else [oracle("supervise")]
