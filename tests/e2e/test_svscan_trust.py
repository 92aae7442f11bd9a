"""A container with many services under load, told to end at any moment, or ended by its essential service.

svscan is the first process of a process namespace.  Each service writes numbers as quickly as its logger
takes them, and more when it is told to end; then it notes how many there were.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.scanning import EACH_MODE, LOGGER, Scanning, Status, add
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE, remove, wait_for
from tests.support.processes import children, status
from tests.support.world import SYSTEM_PATH

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.oracle,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be first in a namespace of its own"),
    pytest.mark.skipif(shutil.which("unshare") is None, reason="not installed: unshare"),
]

FIRST = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
# A number is written and counted, or neither: what TERM asks for is done between two bursts.
WRITER = """#!/bin/sh
n=0
burst() { i=0; while [ $i -lt 100 ]; do echo $n; n=$((n+1)); i=$((i+1)); done; }
trap told=9 TERM
while [ -z "$told" ]; do burst; sleep 0.05; done
burst
echo $n > written
exit $told
"""
ESSENTIAL = WRITER.replace("sleep 0.05;", "sleep 0.05; [ ! -f code ] || told=$(cat code);")
# What is said where a second is too short, as on a machine with much else to do.
SLOW = (b"waiting for the disk of", b"the stem of supervise was killed or does not answer")
GIVE_UP = "#!/bin/sh\nexit 125\n"
KEEPING_ALL = LOGGER.replace("n100", "n1000 s16777215")


@pytest.fixture
def scanning(tmp_path: Path, oracle: Oracle, our_commands: Path) -> Iterator[Scanning]:
    oracle("multilog")
    with Scanning(tmp_path, path=f"{our_commands}:{SYSTEM_PATH}") as made:
        yield made


def fill(scanning: Scanning, count: int) -> list[str]:
    """Make the services anew; return their names."""
    for entry in scanning.scanned.iterdir():
        remove(entry)
    a = add(scanning.scanned, "a", ESSENTIAL, KEEPING_ALL)
    (a / "finish").write_text(GIVE_UP)
    (a / "finish").chmod(0o755)
    names = [str(number) for number in range(1, count)]
    for name in names:
        add(scanning.scanned, name, WRITER, KEEPING_ALL)
    return ["a", *names]


def first(process: "subprocess.Popen[bytes]") -> int:
    """Return the pid of the first process when it catches TERM: that counts from then on."""

    def catches_term() -> bool:
        assert process.poll() is None, "svscan has ended"
        caught = [status(pid).get("SigCgt", "0") for pid in children(process.pid)]
        return any(int(mask, 16) >> (signal.SIGTERM - 1) & 1 for mask in caught)

    wait_for(catches_term, "the first process to catch TERM")
    return children(process.pid)[0]


def is_whole(service: Path) -> bool:
    """Say whether a service's logger has every number, in order, and has ended as it should."""
    current = service / "log/main/current"
    stored = current.read_text().split() if current.exists() else []
    written = int((service / "written").read_text()) if (service / "written").exists() else 0
    is_closed = not current.exists() or current.stat().st_mode & 0o100 > 0
    return stored == [str(number) for number in range(written)] and is_closed


def end_one(scanning: Scanning, command: list[str], count: int, chance: random.Random) -> None:
    """Start all services, end them, and look whether all is as it should be."""
    names = fill(scanning, count)
    process = scanning.start([*FIRST, *command, "--stop-on-term=60", "--essential", "a"])
    svscan = first(process)
    time.sleep(chance.uniform(0, 0.2) if chance.random() < 0.5 else chance.uniform(0.3, 2))
    code = chance.choice([0, 0, 3, 77])
    if code:
        (scanning.scanned / "a/code").write_text(f"{code}\n")
    else:
        os.kill(svscan, signal.SIGTERM)
    assert process.wait(PATIENCE) == code
    for name in names:
        assert is_whole(scanning.scanned / name), name
        for place in (name, f"{name}/log"):
            assert Status(scanning.scanned / place).pid == 0, f"{place} was still up when svscan ended"
    assert scanning.running() == {}
    expected = b"svscan: warning: a has failed for good, exit code %d: ending all services" % code
    lines = [line for line in scanning.lines() if not any(slow in line for slow in SLOW)]
    assert lines == [expected] * (code > 0)
    scanning.forget_lines()


@EACH_MODE
def test_container_ends_whole(scanning: Scanning, command: list[str]) -> None:
    chance = random.Random(16)
    for _ in range(2):
        end_one(scanning, command, 8, chance)


@pytest.mark.slow
@EACH_MODE
def test_container_of_fifty_ends_whole_a_hundred_times(scanning: Scanning, command: list[str]) -> None:
    chance = random.Random(50)
    for _ in range(int(os.environ.get("UCSPI_ROUNDS", "50"))):
        end_one(scanning, command, 50, chance)
