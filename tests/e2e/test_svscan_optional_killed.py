"""svscan and supervise are killed at any moment, and services with optional files go on, each once.

``run`` and ``finish`` of a service hold one lock.  Whoever does not get it says so: then two of them
ran at once.  Neither starts a process, which could hold the lock longer than it.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.scanning import IN_PROCESS, OURS, Scanning
from tests.support.oracles import Oracle
from tests.support.patience import wait_for
from tests.support.peers import fill, lines_of
from tests.support.world import SYSTEM_PATH
from ucspi.service import statusrecord
from ucspi.service.statusrecord import Status

pytestmark = [pytest.mark.e2e, pytest.mark.oracle]

ALONE = "#!/bin/sh\nexec setlock -n ./alone ./body\n"
SLEEPING = "#!/bin/sh\nexec sleep 1000\n"
TELLING = f"""#!{sys.executable} -S
import os, signal, socket
signal.signal(signal.SIGINT, signal.SIG_DFL)
try:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
except OSError:
    pass  # nobody listens: supervise was killed
signal.pause()
"""
# It notes how run has ended, and one of four has to be killed.
FINISH = """#!/bin/sh
echo "$@" >> ends
[ $(($$ % 4)) -gt 0 ] || exec setlock -n ./alone sleep 1000
exec setlock -n ./alone sleep 0.05
"""
SERVICES = {
    "backing-off": {"body": "#!/bin/sh\nexec sleep 0.2\n", "backoff": "0.1 0.5"},
    "checked": {"body": SLEEPING, "check": "#!/bin/sh\ntest -e go\n", "go": ""},
    "finishing": {"body": "#!/bin/sh\nexec sleep 0.5\n", "finish": FINISH, "timeout-finish": "300"},
    "listening": {"body": SLEEPING, "sockets": "127.0.0.1 0\n"},
    "plain": {"body": SLEEPING},
    "stubborn": {
        "body": "#!/bin/sh\ntrap '' TERM\nexec sleep 1000\n",
        "timeout-kill": "200",
        "flag-timeout-killpg": "",
        "finish": FINISH,
    },
    "telling": {"body": TELLING, "flag-notify-socket": "", "down-signal": "INT"},
    "told": {
        "body": "#!/bin/sh\necho >&5\nexec 5>&-\nexec sleep 1000\n",
        "notification-fd": "5",
        "max-death-tally": "7",
        "finish": FINISH,
    },
}
READY = ("checked", "telling", "told")  # those that can say that they are
LETTERS = "tttikkudoqh12wbpcc"
END = 14  # bytes of an end in the death tally


@pytest.fixture
def scanning(tmp_path: Path, oracle: Oracle, our_commands: Path) -> Iterator[Scanning]:
    oracle("setlock")
    with Scanning(tmp_path, path=f"{our_commands}:{SYSTEM_PATH}") as made:
        for name, files in SERVICES.items():
            fill(made.scanned / name, {"run": ALONE, **files})
        yield made


def tell(service: Path, letters: str) -> bool:
    """Write control bytes, if there is a supervisor to read them; say whether there was."""
    try:
        control = os.open(service / "supervise/control", os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        os.write(control, letters.encode())
    except BrokenPipeError:
        return False  # it was just being killed
    finally:
        os.close(control)
    return True


def kill_supervisors(scanning: Scanning, chance: random.Random, share: float) -> None:
    for pid in scanning.supervisors():
        if chance.random() < share:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def bother(scanning: Scanning, chance: random.Random, seconds: float) -> None:
    """Tell services all kinds of things for so long, and kill some of their supervisors."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        tell(scanning.scanned / chance.choice(list(SERVICES)), chance.choice(LETTERS))
        if chance.random() < 0.1:
            kill_supervisors(scanning, chance, 0.2)
        time.sleep(chance.uniform(0, 0.1))


def known(service: Path) -> Status | None:
    try:
        return statusrecord.unpack((service / "supervise/status").read_bytes())
    except FileNotFoundError:
        return None


def settle(scanning: Scanning) -> None:
    """Have all services up, and ready, under the svscan that runs now."""
    missing = set(SERVICES)

    def is_settled() -> bool:
        for name in sorted(missing):
            service = scanning.scanned / name
            status = known(service)
            # What was taken over has lost its pipe, so it is started once more.
            is_up = tell(service, "cu") and status is not None and status.is_up
            if status and is_up and (name not in READY or status.is_ready):
                missing.remove(name)
            elif status and is_up and not status.is_ready and name != "checked":
                tell(service, "k")
        return not missing

    wait_for(is_settled, lambda: f"{sorted(missing)}\n{scanning.lines()}", pause=0.3)


def check(scanning: Scanning) -> None:
    """Look for what should not have happened."""
    bad = (b"setlock", b"Traceback", b"giving up", b"unable to start")
    assert not [line for line in scanning.lines() if any(part in line for part in bad)]
    for name in SERVICES:
        state = scanning.scanned / name / "supervise"
        assert len((state / "status").read_bytes()) == (18 if name == "plain" else 40), name
        tally = (state / "death_tally").read_bytes() if (state / "death_tally").exists() else b""
        assert len(tally) % END == 0
        assert len(tally) <= (7 if name == "told" else 100) * END
        for line in lines_of(scanning.scanned / name / "ends"):
            code, number, called, group = line.split()
            assert int(code) in (0, 256)
            assert (int(number), called, int(group) > 1) == (int(number) & 63, name, True)


def go_through(scanning: Scanning, ways: list[list[str]], rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(rounds):
        scanning.start(chance.choice(ways))
        bother(scanning, chance, chance.choice([0.05, 0.2, 0.7, 1.5, 2.5]))
        scanning.kill()
        kill_supervisors(scanning, chance, chance.choice([0, 0.5, 1]))
    kill_supervisors(scanning, chance, 1)
    scanning.start(ways[0])
    settle(scanning)
    check(scanning)


EACH_WAY = pytest.mark.parametrize(
    "ways", [[OURS], [IN_PROCESS], [IN_PROCESS, OURS]], ids=["processes", "in process", "both"]
)


@EACH_WAY
@pytest.mark.sampled(3)
def test_nothing_runs_twice(scanning: Scanning, ways: list[list[str]]) -> None:
    go_through(scanning, ways, 4, len(ways))


@pytest.mark.slow
@EACH_WAY
@pytest.mark.parametrize("seed", range(3))
def test_nothing_runs_twice_for_long(scanning: Scanning, ways: list[list[str]], seed: int) -> None:
    go_through(scanning, ways, 30, seed)
