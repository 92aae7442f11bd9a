"""rblsmtpd's block lists against the original, in a network namespace with name servers of its own."""

import pickle

import pytest

from tests.differential.rblsmtpd.in_namespace import CASES, Decision, Shown
from tests.support.oracles import Oracle
from tests.support.unshared import run_unshared

pytestmark = [pytest.mark.oracle, pytest.mark.e2e]

Answers = tuple[dict[str, tuple[Shown, Shown]], list[Decision]]


@pytest.fixture(scope="module")
def answers(oracle: Oracle) -> Answers:
    """Run all cases once."""
    return judged(oracle, 20)


def judged(oracle: Oracle, count: int) -> Answers:
    """Run all cases, and so many options at random."""
    module = "tests.differential.rblsmtpd.in_namespace"
    found: Answers = pickle.loads(run_unshared(module, oracle("rblsmtpd"), oracle("dnsmasq"), str(count)))
    return found


@pytest.mark.parametrize("name", CASES)
def test_it_shows_what_the_original_shows(answers: Answers, name: str) -> None:
    told, shown = answers[0][name]
    assert shown == told


@pytest.mark.slow
def test_lists_decide_alike_at_length(oracle: Oracle) -> None:
    test_lists_decide_alike_with_options_in_any_order(judged(oracle, 400))


def test_lists_decide_alike_with_options_in_any_order(answers: Answers) -> None:
    assert [(options, ours) for options, _, ours in answers[1]] == [
        (options, told) for options, told, _ in answers[1]
    ]
    told = [said for _, said, _ in answers[1]]
    assert {said[:3] for said in told} == {b"", b"451", b"553"}, "the generator lost its balance"


def test_cases_turn_away_and_let_pass(answers: Answers) -> None:
    outputs = {told[1] for told, _ in answers[0].values()}
    assert b"run\n" in outputs
    assert len(outputs) > 2
