"""Fixtures that every kind of test uses."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.support.oracles import ORACLE_DIRECTORIES, Oracle, find_oracle, missing
from ucspi.cdb._core import NAMES, Core, load
from ucspi.errors import BackendUnavailableError

# No test fails because the machine is busy.  A fixture of a test that draws is the same for all draws.
settings.register_profile(
    "ucspi",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("ucspi")

# A shell ignores these for what it starts in the background, and so would all
# that the tests start, some of which these signals must end.
for _number in (signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)


@pytest.fixture(scope="session")
def oracle() -> Oracle:
    """Give a function from a program's name to its path; see `missing`."""

    def need(name: str) -> str:
        path = find_oracle(name)
        if path is None:
            missing(f"the original {name} is not installed in {', '.join(map(str, ORACLE_DIRECTORIES))}")
        return path

    return need


@pytest.fixture(params=NAMES)
def core(request: pytest.FixtureRequest) -> Core:
    """Give each core in turn; one that is not built skips, but fails where ``UCSPI_CORES=required``."""
    try:
        return load(request.param)
    except BackendUnavailableError as error:
        if os.environ.get("UCSPI_CORES") == "required":
            pytest.fail(str(error))
        pytest.skip(str(error))
