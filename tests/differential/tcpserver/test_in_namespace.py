"""tcpserver's names and ident against the original, in a namespace with its own DNS and ident servers."""

import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from tests.differential.tcpserver.alike import assert_alike
from tests.differential.tcpserver.in_namespace import CASES, HOSTS_ONLY
from tests.differential.tcpserver.server import Observation
from tests.support.oracles import Oracle
from tests.support.unshared import run_unshared

pytestmark = [pytest.mark.oracle, pytest.mark.e2e]

Answers = dict[str, tuple[Observation, Observation] | str]


@pytest.fixture(scope="module")
def answers(oracle: Oracle, original: bytes, ours: bytes, probe: Path, place: Path) -> Answers:
    """Run all cases once."""
    directory = place / "namespace"
    directory.mkdir()
    arguments = [os.fsdecode(original), os.fsdecode(ours), str(probe), oracle("tcprules"), str(directory)]
    answers: Answers = pickle.loads(run_unshared("tests.differential.tcpserver.in_namespace", *arguments))
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
