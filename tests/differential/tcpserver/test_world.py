"""tcpserver's names and ident against the original, in a world with its own DNS and ident servers."""

import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.differential.tcpserver.alike import assert_alike
from tests.differential.tcpserver.server import Observation
from tests.differential.tcpserver.world import CASES, HOSTS_ONLY
from tests.support.oracles import Oracle

pytestmark = [pytest.mark.oracle, pytest.mark.e2e]

ROOT = Path(__file__).parents[3]
Answers = dict[str, tuple[Observation, Observation] | str]


@pytest.fixture(scope="module")
def answers(oracle: Oracle, original: bytes, ours: bytes, probe: Path, place: Path) -> Answers:
    """Run the whole world once."""
    unshare = ["unshare", "-n", "-m"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        pytest.skip("cannot make a network namespace: not root, or forbidden")
    directory = place / "world"
    directory.mkdir()
    module = [sys.executable, "-m", "tests.differential.tcpserver.world"]
    arguments = [os.fsdecode(original), os.fsdecode(ours), str(probe), oracle("tcprules"), str(directory)]
    done = subprocess.run([*unshare, *module, *arguments], capture_output=True, timeout=90, cwd=ROOT)
    assert done.returncode == 0, done.stderr.decode()
    answers: Answers = pickle.loads(done.stdout)
    return answers


@pytest.mark.parametrize("name", CASES)
def test_it_shows_what_the_original_shows(answers: Answers, judged_by_itself: bool, name: str) -> None:
    pair = answers[name]
    assert not isinstance(pair, str), pair
    original, ours = pair
    expected = original if judged_by_itself else CASES[name].expect(original)
    assert_alike(ours, expected, CASES[name], order=not judged_by_itself)


def test_the_hosts_file_counts(answers: Answers, judged_by_itself: bool) -> None:
    if judged_by_itself:
        pytest.skip("differs from the original on purpose")
    pair = answers[HOSTS_ONLY.name]
    assert not isinstance(pair, str), pair
    reports = [seen.answers[0].report for seen in pair]
    assert [report and report.variable(b"TCPREMOTEHOST") for report in reports] == [None, b"hosts.test"]
    assert replace(pair[0], lines=(), answers=[], writes=0) == replace(
        pair[1], lines=(), answers=[], writes=0
    )
