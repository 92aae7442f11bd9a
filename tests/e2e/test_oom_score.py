"""Who is killed first when memory runs out: what serves lowers its score, what it starts does not have it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE, wait_for
from tests.support.serving import ENVIRONMENT, read_all, serving

GIVEN = 500  # by whoever starts them; without a special right nobody gets below 0
LOWERED = (0, -882)
FILE = Path("/proc/self/oom_score_adj")
TELLING = ["sh", "-c", f"read score <{FILE}; echo $score"]

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not FILE.exists(), reason="the system keeps no such score"),
]

for_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root's processes lower it")


def given() -> None:
    FILE.write_text(f"{GIVEN}\n")


def score(pid: int) -> int:
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())


def wait_until_lowered(pid: int) -> None:
    wait_for(lambda: score(pid) in LOWERED, lambda: score(pid))


@for_root
@pytest.mark.parametrize("options", [[], ["-u", "65534", "-g", "65534"]])
@pytest.mark.parametrize("clients", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_server_goes_last_and_its_handlers_as_before(
    tmp_path: Path, options: list[str], clients: int
) -> None:
    """A handler inherits the old score: it has it from its first instruction on, and so have its children."""
    with serving(tmp_path, ["-HRl0", "-c100", *options], TELLING, before=given) as served:
        wait_until_lowered(served.process.pid)
        for _ in range(clients):
            with served.connect() as client:
                assert read_all(client) == b"%d\n" % GIVEN
        wait_until_lowered(served.process.pid)


@pytest.mark.skipif(os.geteuid() == 0, reason="root's processes lower it")
def test_score_of_an_ordinary_user_is_left_alone(tmp_path: Path) -> None:
    with serving(tmp_path, ["-HRl0"], TELLING, before=given) as served:
        with served.connect() as client:
            assert read_all(client) == b"%d\n" % GIVEN
        assert score(served.process.pid) == GIVEN


@for_root
@pytest.mark.parametrize("program", ["supervise", "svscan", "svscan --in-process"])
def test_supervisor_goes_last_and_its_service_as_before(tmp_path: Path, program: str) -> None:
    service = tmp_path / "scan" / "service"
    service.mkdir(parents=True)
    (service / "run").write_text(
        f"#!/bin/sh\nread score <{FILE}; echo $score >told.new; mv told.new told; exec sleep 60\n"
    )
    (service / "run").chmod(0o755)
    where = service if program == "supervise" else service.parent
    command = [sys.executable, "-m", "ucspi", *program.split(), str(where)]
    process = subprocess.Popen(command, env=ENVIRONMENT, preexec_fn=given, start_new_session=True)
    try:
        wait_until_lowered(process.pid)
        wait_for((service / "told").exists, "the score of the service")
        assert int((service / "told").read_text()) == GIVEN
    finally:
        # All at once, or svscan starts another supervise: they and the service are in one group.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)
