"""tcpserver against the original, case by case: environment, descriptors, signals, log, exit codes.

Every case runs once on the original and once on ours, in one directory.
``UCSPI_JUDGE=original`` puts the original in our place: then all must pass
without any difference, which proves the judge.
"""

import os

import pytest

from tests.differential.tcpserver import conversations, handlers, options, rules, surroundings
from tests.differential.tcpserver.alike import assert_alike
from tests.differential.tcpserver.differences import without_forewarning
from tests.differential.tcpserver.pairs import Pairs
from tests.differential.tcpserver.random_cases import random_cases

pytestmark = [pytest.mark.sampled(4), pytest.mark.oracle, pytest.mark.e2e]

LISTED = [options, surroundings, handlers, rules, conversations]
RANDOM = random_cases(400)
QUICK = 40  # of these are in every run
CASES = [case for module in LISTED for case in module.CASES] + RANDOM
ALL = {case.name: case for case in CASES}
SLOW = {case.name for case in RANDOM[QUICK:]}
NAMES = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in ALL]


@pytest.fixture(scope="module")
def ahead(request: pytest.FixtureRequest, pairs: Pairs) -> Pairs:
    """Start the pairs of all the cases that this run has selected."""
    for item in request.session.items:
        if isinstance(item, pytest.Function) and item.module is request.module:
            case = ALL[str(item.callspec.params["name"])]
            if os.getuid() == 0 or not case.needs_root:
                pairs.prefetch(case)
    return pairs


@pytest.mark.parametrize("name", NAMES)
def test_it_shows_what_the_original_shows(ahead: Pairs, judged_by_itself: bool, name: str) -> None:
    case = ALL[name]
    if case.needs_root and os.getuid() != 0:
        pytest.skip("only root can become another user")
    pair = ahead.prefetch(case).result()
    expected = pair.original if judged_by_itself else case.expect(pair.original)
    assert_alike(without_forewarning(pair.ours), expected, case, order=not judged_by_itself)
