"""multilog against the original: the same stream leaves the same files."""

import random
from pathlib import Path

import pytest

from tests.differential.logs.compared import same
from tests.support.logtrees import script, stream
from tests.support.oracles import Oracle

pytestmark = [pytest.mark.oracle, pytest.mark.sampled(3)]


def generated(oracle: Oracle, seed: int, where: Path) -> None:
    chance = random.Random(seed)
    where.mkdir()
    actions = script(chance)
    for _ in range(chance.randint(1, 2)):
        same(oracle, actions, where, stream(chance, chance.choice([0, 5, 60, 200])))


@pytest.mark.parametrize("seed", range(12))
def test_generated_scripts_and_streams_leave_the_same_files(
    oracle: Oracle, seed: int, tmp_path: Path
) -> None:
    generated(oracle, seed, tmp_path / "run")


@pytest.mark.slow
def test_many_generated_scripts_and_streams_leave_the_same_files(oracle: Oracle, tmp_path: Path) -> None:
    for seed in range(1000, 1120):
        generated(oracle, seed, tmp_path / str(seed))


@pytest.mark.parametrize("length", [97_997, 97_998])
@pytest.mark.parametrize("start", [[], [b"t"]])
def test_file_ends_2000_bytes_before_its_size(
    oracle: Oracle, length: int, start: list[bytes], tmp_path: Path
) -> None:
    label = 26 if start else 0
    same(oracle, [*start, b"./log"], tmp_path, b"x" * (length - label) + b"\n")
    assert len(list((tmp_path / "ours" / "log").glob("@*"))) == (length == 97_998)
