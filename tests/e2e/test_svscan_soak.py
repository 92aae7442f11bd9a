"""A minute of everything at once: svscan killed at any moment, services told anything, and no line lost."""

import os
import random
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.scanning import COUNTER, IN_PROCESS, OURS, Scanning, add
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.oracle, pytest.mark.slow]

# A second copy of one could not have the lock, and says so.  What the counter runs must not have it, or
# it would keep it for some milliseconds from the next copy, which is quicker than that.
ALONE = "#!/bin/sh\nexec setlock -n ./alone %s\n"
WITHOUT_LOCK = (
    COUNTER.replace("count 2>", "count 3>&- 2>")
    .replace("new count", "new count 3>&-")
    .replace("0.02", "0.02 3>&-")
)
NAMES = [str(number) for number in range(4)]
SECONDS = 60

# A logger that is paused holds its pipe.  One that is down would leave it to the service alone, and
# one that is killed takes along what it has read: neither may be asked for here.
LETTERS = {"": "tttikudoh", "/log": "pcc"}


@pytest.fixture
def scanning(tmp_path: Path, oracle: Oracle, our_commands: Path) -> "Scanning":
    for program in ("setlock", "multilog", "svok"):
        oracle(program)
    return Scanning(tmp_path, path=f"{our_commands}:/usr/bin:/bin")


def places(scanned: Path) -> list[Path]:
    """Return the directories of services and loggers."""
    return [scanned / (name + place) for name in NAMES for place in LETTERS]


def is_supervised(service: Path) -> bool:
    """Say whether a supervisor runs in a directory."""
    return subprocess.run(["/usr/bin/svok", service], check=False, timeout=PATIENCE).returncode == 0


def tell(service: Path, letters: str) -> None:
    """Write control bytes, if there is a supervisor to read them."""
    try:
        control = os.open(service / "supervise/control", os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return
    try:
        os.write(control, letters.encode())
    except BrokenPipeError:
        pass  # it was just being killed
    finally:
        os.close(control)


def bother(scanned: Path, chance: random.Random, seconds: float) -> None:
    """Tell services all kinds of things for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        place = chance.choice(["", "", "/log"])
        tell(scanned / (chance.choice(NAMES) + place), chance.choice(LETTERS[place]))
        time.sleep(chance.uniform(0, 0.1))


def end_supervisors(scanning: Scanning, chance: random.Random) -> None:
    """Kill most of the supervisors that the last scanner left, if they were processes."""
    for pid in scanning.supervisors():
        if chance.random() < 0.8:
            os.kill(pid, 9)


def missing(scanning: Scanning, name: str) -> set[int]:
    """Return the numbers that were written and not stored."""
    written = int((scanning.scanned / name / "count").read_text())
    return set(range(written)) - set(scanning.numbers(name))


@pytest.mark.parametrize("seed", [1, 2], ids=["in process", "both ways"])
def test_nothing_is_lost_and_nothing_runs_twice(scanning: Scanning, seed: int) -> None:
    ways = [IN_PROCESS, OURS][:seed]
    chance = random.Random(seed)
    with scanning:
        for name in NAMES:
            service = add(scanning.scanned, name, ALONE % "./count.sh", ALONE % "multilog n1000 ./main")
            (service / "count.sh").write_text(WITHOUT_LOCK)
            (service / "count.sh").chmod(0o755)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            way = chance.choice(ways)
            scanning.start(way)
            if way is OURS:  # one that was killed before it has its lock is nobody's, and parts them
                wait_for(lambda: all(map(is_supervised, places(scanning.scanned))), "all supervisors")
            bother(scanning.scanned, chance, chance.choice([0.1, 0.3, 0.5, 2.5]))
            scanning.kill()
            end_supervisors(scanning, chance)
        chance.random = lambda: 0.0  # type: ignore[method-assign]
        end_supervisors(scanning, chance)
        scanning.start(IN_PROCESS)
        wait_for(lambda: all(map(is_supervised, places(scanning.scanned))), "all supervisors")

        def is_settled() -> bool:
            for name in NAMES:
                tell(scanning.scanned / name / "log", "cu")
                tell(scanning.scanned / name, "cd")
            return not any(missing(scanning, name) for name in NAMES)

        wait_for(is_settled, "every line")
        assert not [line for line in scanning.lines() if b"setlock" in line]
