"""tcpserver against the original, case by case: environment, descriptors, signals, log, exit codes.

Every case runs once on the original and once on ours, in one directory.
``UCSPI_JUDGE=original`` puts the original in our place: then all must pass
without any difference, which proves the judge.
"""

import os

import pytest

from tests.differential.tcpserver import conversations, handlers, options, rules, surroundings
from tests.differential.tcpserver.pairs import Pairs
from tests.differential.tcpserver.random_cases import random_cases

pytestmark = [pytest.mark.oracle, pytest.mark.e2e]

LISTED = [options, surroundings, handlers, rules, conversations]
CASES = [case for module in LISTED for case in module.CASES] + random_cases(40)
ALL = {case.name: case for case in CASES}


@pytest.fixture(scope="module")
def ahead(request: pytest.FixtureRequest, pairs: Pairs) -> Pairs:
    """Start the pairs of all the cases that this run has selected."""
    for item in request.session.items:
        if isinstance(item, pytest.Function) and item.module is request.module:
            case = ALL[str(item.callspec.params["name"])]
            if os.getuid() == 0 or not case.needs_root:
                pairs.prefetch(case)
    return pairs


@pytest.mark.parametrize("name", ALL)
def test_it_shows_what_the_original_shows(ahead: Pairs, judged_by_itself: bool, name: str) -> None:
    case = ALL[name]
    if case.needs_root and os.getuid() != 0:
        pytest.skip("only root can become another user")
    pair = ahead.prefetch(case).result()
    expected = pair.original if judged_by_itself else case.expect(pair.original)
    assert pair.ours.lines == expected.lines
    assert pair.ours.facts == expected.facts
    assert pair.ours.stdout == expected.stdout
    assert pair.ours.exit_code == expected.exit_code
    assert len(pair.ours.answers) == len(expected.answers)
    for ours, original in zip(pair.ours.answers, expected.answers, strict=True):
        assert (ours.before, ours.end) == (original.before, original.end)
        if original.report is None or ours.report is None:
            assert ours.report == original.report
            continue
        assert ours.report.argv == original.report.argv
        assert ours.report.descriptors == original.report.descriptors
        assert [*ours.report.facts, ("pid", ours.report.pid)] == [
            *original.report.facts,
            ("pid", original.report.pid),
        ]
        assert sorted(ours.report.environment) == sorted(original.report.environment)
        assert judged_by_itself or in_order(ours.report.environment, case.launch.environment)


def in_order(environment: tuple[bytes, ...], inherited: tuple[tuple[bytes, bytes], ...]) -> bool:
    """Say whether what was inherited, and kept, stands first and in its old order.

    The original moves variables around when it replaces one.  Nothing depends
    on that, so the order is ours: a row of `differences` says so.
    """
    kept = [b"%s=%s" % pair for pair in inherited if b"%s=%s" % pair in environment]
    return list(environment[: len(kept)]) == kept
