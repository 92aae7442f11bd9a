"""Fixtures that every kind of test uses."""

import gc
import os
import signal
import sys
from collections.abc import Generator

import pytest

from tests.support.oracles import ORACLE_DIRECTORIES, Oracle, find_oracle, missing
from tests.support.sampled import mark_sample, wanted
from ucspi.cdb._core import NAMES, Core, load
from ucspi.errors import BackendUnavailableError

# What is collected stays to the end: thousands of objects that no collection of garbage need look at.
gc.disable()

# A shell ignores these for what it starts in the background, and so would all
# that the tests start, some of which these signals must end.
for _number in (signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)


def pytest_configure(config: pytest.Config) -> None:
    """Keep bytecode, then make the profiles of Hypothesis known, whose modules pytest compiles too."""
    _keep_bytecode(config)
    from tests.support.examples import register

    register()


def _keep_bytecode(config: pytest.Config) -> None:
    """Keep the bytecode of tests, even where Python is told to write none: each worker would make it."""
    cache = getattr(config, "cache", None)  # without the plug-in there is none
    if sys.dont_write_bytecode and cache is not None:
        try:
            sys.pycache_prefix = str(cache.mkdir("bytecode"))
        except OSError:
            return
        sys.dont_write_bytecode = False


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem() -> Generator[None, object, object]:
    """Let the default run take a sample where a function says so: here its cases are still together."""
    made = yield
    if isinstance(made, list) and made and isinstance(made[0], pytest.Item):
        mark_sample(made)
        return wanted(made)
    return made


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
