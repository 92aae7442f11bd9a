"""Where the tests of the links run: alone, and once more behind a server."""

import pytest

from tests.differential.chain import Compare, compare, compare_behind_tcpserver
from tests.support.warmed import CAN_BE_WARM

PLACES: dict[str, Compare] = {"alone": compare, "behind tcpserver": compare_behind_tcpserver}


def _at(place: str) -> Compare:
    if place != "alone" and not CAN_BE_WARM:
        pytest.skip("there are no steps without the compiled module and launchers")
    return PLACES[place]


@pytest.fixture(name="compare", params=["alone", pytest.param("behind tcpserver", marks=pytest.mark.slow)])
def _compare(request: pytest.FixtureRequest) -> Compare:
    """Give what compares a link with the original, in each place in turn; three servers take long."""
    return _at(request.param)
