"""multilog against the original: the same stream leaves the same files."""

import random
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import ENVIRONMENT, Outcome, ours
from tests.support.logtrees import LABEL, Tree, script, slips, stream, tree
from tests.support.oracles import Oracle

pytestmark = pytest.mark.oracle


def run(command: list[str], actions: list[bytes], where: Path, source: Path) -> Outcome:
    where.mkdir(exist_ok=True)
    with open(source, "rb") as file:
        done = subprocess.run(
            [*command, *actions],
            cwd=where,
            env=ENVIRONMENT,
            stdin=file,
            capture_output=True,
            timeout=30,
            check=False,
        )
    return done.returncode, done.stdout, LABEL.sub(b"@", done.stderr)


def results(oracle: Oracle, actions: list[bytes], where: Path, data: bytes) -> list[tuple[Outcome, Tree]]:
    """Run both on the same stream, each in a directory of its own; what is there already stays."""
    source = where / "source"
    source.write_bytes(data)
    found = []
    for name, command in (("ours", ours("multilog")), ("original", [oracle("multilog")])):
        code, output, said = run(command, actions, where / name, source)
        if name == "original":
            said = slips(actions) + said
        found.append(((code, output, said), tree(where / name)))
    return found


def same(oracle: Oracle, actions: list[bytes], where: Path, data: bytes) -> tuple[Outcome, Tree]:
    mine, original = results(oracle, actions, where, data)
    assert mine == original
    return mine


def prepare(where: Path, files: dict[str, tuple[int, bytes]]) -> None:
    """Put files into the log ``log`` of both."""
    for name in ("ours", "original"):
        log = where / name / "log"
        log.mkdir(parents=True)
        for file, (mode, content) in files.items():
            (log / file).write_bytes(content)
            (log / file).chmod(mode)


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
