"""addcr and delcr against the originals, on streams cut anywhere."""

from random import Random

import pytest

from tests.support.filters import (
    both,
    pieces,
    run,
    run_on_pieces,
)
from tests.support.oracles import Oracle

pytestmark = pytest.mark.oracle

PROGRAMS = ["addcr", "delcr"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_streams_in_odd_pieces_come_out_as_from_the_original(oracle: Oracle, program: str) -> None:
    random = Random(88)
    for _ in range(6):
        stream = pieces(random, 60)
        mine, original = (run_on_pieces(command, stream) for command in both(oracle, program))
        assert mine == original


@pytest.mark.parametrize("program", PROGRAMS)
def test_large_streams_come_out_as_from_the_original(oracle: Oracle, program: str) -> None:
    stream = b"".join(pieces(Random(88), 6000)) + b"\r"
    mine, original = (run(command, stream) for command in both(oracle, program))
    assert mine == original
