"""multilog's S against s6-log's: which finished files stay."""

import os
import random
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import ENVIRONMENT, ours
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE

pytestmark = [pytest.mark.oracle, pytest.mark.sampled(4)]


def prepare(place: Path, sizes: list[int], last: int) -> None:
    """Make a log with finished files of these sizes, and a ``current`` that somebody was killed with."""
    place.mkdir()
    for number, size in enumerate(sizes):
        (place / f"@400000005b0b{number:04x}0000000a.s").write_bytes(b"x" * size)
    (place / "current").write_bytes(b"y" * last)
    (place / "current").chmod(0o644)


def kept(command: list[str], place: Path) -> list[tuple[str, int]]:
    """Start a logger, whose first step is to finish ``current``; return what it left of finished files."""
    subprocess.run([*command, str(place)], input=b"", env=ENVIRONMENT, check=True, timeout=PATIENCE)
    found = sorted(name for name in os.listdir(place) if name.startswith("@"))
    return [(name if name.endswith(".s") else "new", (place / name).stat().st_size) for name in found]


@pytest.mark.parametrize("seed", range(24))
def test_so_many_bytes_stay_as_with_s6_log(oracle: Oracle, seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    sizes = [chance.choice([0, 1, 500, 1000, 5000]) for _ in range(chance.randint(0, 6))]
    last, whole = chance.choice([0, 1, 700]), sum(sizes)
    most = chance.choice([0, 1, 699, 700, 701, 1700, whole, whole + 700, whole + 699, 2**40])
    count = chance.choice([1, 2, 4, 9])
    for name in ("ours", "s6"):
        prepare(tmp_path / name, sizes, last)
    mine = kept([*ours("multilog"), f"n{count + 1}", f"S{most}", "!cat"], tmp_path / "ours")
    theirs = kept([oracle("s6-log"), f"n{count}", f"S{most}"], tmp_path / "s6")
    assert mine == theirs
