"""The benchmarks run; what they measure is nobody's business here."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import Oracle

BENCH = Path(__file__).parents[2] / "bench"

pytestmark = [pytest.mark.oracle, pytest.mark.e2e]


def need_peer(name: str) -> None:
    """Skip where a peer of the extra ``peers`` is not installed; CI installs it."""
    if find_spec(name) is None:
        reason = f"{name} is not installed: pip install 'ucspi[peers]'"
        if os.environ.get("UCSPI_ORACLES") == "required":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.mark.parametrize("name", ["lookup", "tcprules", "connections", "startup"])
def test_it_prints_a_table(oracle: Oracle, name: str) -> None:
    for needed in ("tcprules", "tcpserver", "cc"):
        oracle(needed)
    if name == "lookup":
        need_peer("cdbx")
    command = [sys.executable, str(BENCH / f"{name}.py"), "--quick", "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, timeout=60, text=True)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    assert len(rows) > 2
    assert done.stdout.startswith(f"$ {Path(sys.executable).name} ")
