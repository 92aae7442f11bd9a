"""Where the tests of the links run: alone, and once more behind a server."""

import pytest

from tests.differential.chain import Compare, compare, compare_behind_tcpserver
from tests.support.warmed import CAN_BE_WARM

PLACES: dict[str, Compare] = {"alone": compare, "behind tcpserver": compare_behind_tcpserver}


def _at(place: str) -> Compare:
    if place != "alone" and not CAN_BE_WARM:
        pytest.skip("there are no steps without the compiled module and launchers")
    return PLACES[place]


@pytest.fixture(name="compare", params=PLACES)
def _compare(request: pytest.FixtureRequest) -> Compare:
    """Give what compares a link with the original, in each place in turn."""
    return _at(request.param)


@pytest.fixture(params=["alone", pytest.param("behind tcpserver", marks=pytest.mark.slow)])
def compare_often(request: pytest.FixtureRequest) -> Compare:
    """Give the same to a test that compares so often that three servers each time take long."""
    return _at(request.param)
