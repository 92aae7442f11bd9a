"""When a stem is started again, and what is said of those that end."""

import subprocess
import sys
import time
from typing import cast

import pytest

from tests.support.patience import wait_for
from ucspi.tcp.server.stemkeeper import REST, REST_MAX, StemKeeper
from ucspi.unix import native
from ucspi.unix.stem import Stem
from ucspi.unix.stemchannel import pack_base
from ucspi.unix.stemspawn import StemSpawner

pytestmark = pytest.mark.skipif(native.lib is None, reason="there is no stem without the compiled module")


class Starter:
    """Starts stems that end at once with an exit code, or by a signal."""

    def __init__(self, code: int) -> None:
        self.code, self.ending = code, object()
        self.processes: list[subprocess.Popen[bytes]] = []

    def stem(self) -> Stem:
        return Stem(self._start, pack_base([], []))

    def _start(self, variables: bytes, descriptors: list[int]) -> int:
        end = f"os._exit({self.code})" if self.code >= 0 else f"os.kill(os.getpid(), {-self.code})"
        self.processes.append(subprocess.Popen([sys.executable, "-Sc", f"import os; {end}"]))
        return self.processes[-1].pid


def keeper(code: int) -> tuple[Starter, StemKeeper, list[bytes]]:
    said: list[bytes] = []
    starter = Starter(code)
    return starter, StemKeeper(cast(StemSpawner, starter), said.append, 1), said


def again(starter: Starter, kept: StemKeeper) -> float:
    """Let the next stem start and end; return the seconds until the one after it."""
    count = len(starter.processes)
    kept._next = time.monotonic()
    kept.turn(is_called=False)
    assert len(starter.processes) == count + 1
    assert kept.ended(starter.processes[-1].pid, starter.processes[-1].wait() << 8)
    return (kept.deadline() or 0) - time.monotonic()


def test_exit_code_100_at_the_start_is_for_good() -> None:
    _, kept, said = keeper(100)
    assert kept.begin() == b"it ended with exit code 100 before it was ready"
    assert (said, kept.deadline()) == ([], None)


def test_exit_code_100_later_is_said_once_and_not_tried_again() -> None:
    starter, kept, said = keeper(3)
    assert kept.begin() == b""
    assert said == [b"warm pyhandler ended with exit code 3 before it was ready; serving cold"]
    starter.code = 100
    again(starter, kept)
    assert kept.deadline() is None
    assert len(said) == 1
    starter.ending = object()  # another reading of the command line
    kept.turn(is_called=False)
    assert kept.deadline() is not None


@pytest.mark.parametrize("code", [0, 1, 111])
def test_stems_that_are_never_ready_are_started_ever_more_rarely(code: int) -> None:
    starter, kept, said = keeper(code)
    assert kept.begin() == b""
    rests = [round(again(starter, kept), 1) for _ in range(8)]
    assert rests[0] > 1.9 * REST
    assert rests == sorted(rests)
    assert rests[-1] > 0.9 * REST_MAX
    assert len(said) == 1


def test_a_killed_one_is_started_again_later() -> None:
    starter, kept, said = keeper(-9)
    assert kept.begin() == b""
    wait_for(lambda: bool(said), "a line")
    assert said == [b"warm pyhandler was killed by signal 9 before it was ready; serving cold"]
    assert (kept.deadline() or 0) - time.monotonic() > 1.5 * REST
    assert len(starter.processes) == 1
