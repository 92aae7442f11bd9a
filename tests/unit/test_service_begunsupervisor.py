"""A supervisor that goes on where C has stopped: it is then as one that has done all itself."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ucspi.service.begunsupervisor import Beginning, BegunSupervisor
from ucspi.service.serviceprocess import ServiceSetup
from ucspi.service.statemachine import LEAVING, PAUSED, UP, WANT_DOWN, WANT_UP
from ucspi.service.statusrecord import Status, unpack
from ucspi.service.supervisor import REST, Supervisor

SETUP = ServiceSetup([b"PATH=/usr/bin:/bin"])
Place = tuple[Path, list[int]]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Give a service, and a list for the processes that must not outlive the test."""
    (tmp_path / "run").write_text("#!/bin/sh\nexec sleep 100\n")
    (tmp_path / "run").chmod(0o755)
    pids: list[int] = []
    yield tmp_path, pids
    for pid in set(pids) - {0}:
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


def begun(place: Place, *, runs: bool, is_published: bool = True, age: float = 0.0) -> BegunSupervisor:
    """Begin as `Supervisor` does, and hand everything over; only then does the directory have an end."""
    path, pids = place
    if not runs:
        (path / "down").touch()
    first = Supervisor(bytes(path), SETUP)
    first.resume()
    pids.append(first.pid)
    files = first.directory
    descriptors = (files.fd, files.state, files.lock, files.control, files.birth, files.ok)
    beginning = Beginning(
        bytes(path),
        tuple(map(os.dup, descriptors)),  # type: ignore[arg-type]  # there are six
        is_wanted=runs,
        status=files.read_status(),
        pid=first.pid,
        started=time.monotonic() - age,
        is_published=is_published,
    )
    first.close()
    return BegunSupervisor(beginning, SETUP)


def shown(place: Place) -> Status:
    known = unpack((place[0] / "supervise/status").read_bytes())
    assert known
    return known


def send(place: Place, letters: bytes) -> None:
    with open(place[0] / "supervise/control", "wb", 0) as fifo:
        fifo.write(letters)


def test_it_rests_for_what_is_left(place: Place) -> None:
    supervisor = begun(place, runs=True, age=0.4)
    rest = supervisor.resume()
    assert 0 < rest <= REST - 0.4
    assert supervisor.resume() == 0.0
    assert shown(place).pid == supervisor.pid
    supervisor.close()


def test_it_does_not_rest_again_later(place: Place) -> None:
    supervisor = begun(place, runs=True, age=REST)
    assert supervisor.resume() == 0.0
    send(place, b"x")
    assert supervisor.resume() == 0.0
    assert supervisor._state == UP | WANT_UP | LEAVING
    supervisor.close()


def test_it_publishes_what_its_process_could_not(place: Place) -> None:
    supervisor = begun(place, runs=True, is_published=False, age=REST)
    (place[0] / "supervise/status").unlink()
    supervisor.resume()
    assert shown(place).pid == supervisor.pid
    supervisor.close()


def test_end_of_the_process_is_acted_on(place: Place) -> None:
    supervisor = begun(place, runs=True, age=REST)
    old = supervisor.pid
    assert supervisor.resume() == 0.0
    os.kill(old, signal.SIGKILL)
    os.waitpid(old, 0)
    supervisor.has_ended = True
    assert supervisor.resume() == REST
    place[1].append(supervisor.pid)
    assert supervisor.pid not in (0, old)
    assert shown(place).pid == supervisor.pid
    supervisor.close()


def test_what_is_down_waits_and_starts_when_told(place: Place) -> None:
    supervisor = begun(place, runs=False)
    assert supervisor.resume() == 0.0
    assert supervisor._state == WANT_DOWN
    assert shown(place).pid == 0
    send(place, b"u")
    assert supervisor.resume() == REST
    place[1].append(supervisor.pid)
    assert shown(place).pid == supervisor.pid
    supervisor.close()


def test_what_is_wanted_and_was_not_started_is_started(place: Place) -> None:
    supervisor = begun(place, runs=True)
    os.kill(supervisor.pid, signal.SIGKILL)
    os.waitpid(supervisor.pid, 0)
    supervisor.pid = 0
    assert supervisor.resume() == REST
    place[1].append(supervisor.pid)
    assert shown(place).pid == supervisor.pid
    supervisor.close()


@pytest.mark.parametrize("letters", ["d", "dx", "p", "pc", "o", "x", "du"])
def test_it_is_then_as_one_that_has_done_all_itself(place: Place, letters: str) -> None:
    supervisor = begun(place, runs=True, age=REST)
    supervisor.resume()
    supervisor.obey(letters)
    expected = {
        "d": UP | WANT_DOWN,
        "dx": UP | WANT_DOWN | LEAVING,
        "p": UP | WANT_UP | PAUSED,
        "pc": UP | WANT_UP,
        "o": UP,
        "x": UP | WANT_UP | LEAVING,
        "du": UP | WANT_UP,
    }
    assert supervisor._state == expected[letters]
    assert shown(place).pid == supervisor.pid
    supervisor.close()
