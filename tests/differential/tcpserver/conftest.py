"""The two sides of every comparison, the probe, and the pairs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.differential.tcpserver.pairs import Pairs
from tests.support.commands import place as put
from tests.support.oracles import Oracle
from tests.support.probe import compile_probe


@pytest.fixture(scope="session")
def judged_by_itself() -> bool:
    """Say whether the original stands in our place, to prove the judge."""
    return os.environ.get("UCSPI_JUDGE") == "original"


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tcpserver")


@pytest.fixture(scope="session")
def original(oracle: Oracle) -> bytes:
    return os.fsencode(oracle("tcpserver"))


@pytest.fixture(scope="session")
def ours(place: Path, original: bytes, judged_by_itself: bool) -> bytes:
    if judged_by_itself:
        return original
    return bytes(put("tcpserver", place))


@pytest.fixture(scope="session")
def probe(place: Path) -> Path:
    probe = compile_probe(place)
    if probe is None:
        pytest.skip("no C compiler for the probe")
    return probe


@pytest.fixture(scope="session")
def pairs(place: Path, probe: Path, original: bytes, ours: bytes, oracle: Oracle) -> Iterator[Pairs]:
    pairs = Pairs(place, probe, original, ours, oracle("tcprules"))
    yield pairs
    pairs.close()
