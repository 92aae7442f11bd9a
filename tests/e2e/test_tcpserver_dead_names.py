"""Nobody answers: the server's other clients, and its memory, do not suffer."""

from pathlib import Path

import pytest

from tests.support.unshared import run_unshared

pytestmark = pytest.mark.e2e

SCRIPT = "tests.e2e.dead_names"
LIMITS = ["20000000", "40000000", "60000000", "160000000", "300000000"]


def test_silent_name_server_delays_neither_others_nor_reaping_nor_the_end(tmp_path: Path) -> None:
    run_unshared(SCRIPT, str(tmp_path), "waiting")


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "rounds"), [("16000000", "1"), *((limit, "5") for limit in LIMITS)])
def test_server_short_of_memory_tells_of_every_client_and_lives(
    tmp_path: Path, limit: str, rounds: str
) -> None:
    run_unshared(SCRIPT, str(tmp_path), "memory", rounds, limit, timeout=150)
