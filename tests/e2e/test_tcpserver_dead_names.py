"""Nobody answers: the server's other clients, and its memory, do not suffer."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
LIMITS = ["20000000", "40000000", "60000000", "160000000", "300000000"]


def in_a_world(tmp_path: Path, *arguments: str, seconds: int = 60) -> str:
    """Run `tests.e2e.dead_names` in namespaces of its own."""
    unshare = ["unshare", "-n", "-m"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        pytest.skip("cannot make a network namespace: not root, or forbidden")
    module = [sys.executable, "-m", "tests.e2e.dead_names", str(tmp_path), *arguments]
    done = subprocess.run([*unshare, *module], capture_output=True, timeout=seconds, cwd=ROOT)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_silent_name_server_delays_neither_others_nor_reaping_nor_the_end(tmp_path: Path) -> None:
    in_a_world(tmp_path, "waiting")


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["16000000", "160000000"])
def test_server_short_of_memory_tells_of_every_client_and_lives(tmp_path: Path, limit: str) -> None:
    in_a_world(tmp_path, "memory", "1", limit)


@pytest.mark.slow
@pytest.mark.parametrize("limit", LIMITS)
def test_server_short_of_memory_lives_through_many_rounds(tmp_path: Path, limit: str) -> None:
    in_a_world(tmp_path, "memory", "5", limit, seconds=150)
