"""Services with optional files under svscan, as processes and in one process."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.commands import COMMANDS, ENVIRONMENT, ours, run
from tests.support.patience import PATIENCE, wait_for
from tests.support.peers import Peer, fill, lines_of, wait_lines
from tests.support.socketservers import ANSWER, PYTHON, burst
from ucspi.programs import svstat

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(2)]

SLEEPING = "#!/bin/sh\necho $$ >> starts\nexec sleep 1000\n"
STUBBORN = "#!/bin/sh\ntrap '' TERM\necho $$ >> starts\nwhile :; do sleep 0.1; done\n"
FINISH = '#!/bin/sh\necho "$@" >> ends\n'
WAITING = "#!/bin/sh\necho $$ >> ends\nwhile ! test -e go; do sleep 0.05; done\n"
LOGGER = "#!/bin/sh\nexec multilog ./main\n"

Start = Callable[..., "subprocess.Popen[bytes]"]


class Scan:
    """A directory of services, and the svscan that was started last."""

    def __init__(self, place: Path, options: list[str]) -> None:
        self.place, self.options = place, options
        self.place.mkdir()
        self.process: subprocess.Popen[bytes] | None = None

    def add(self, name: str, **files: str) -> Path:
        """Make a service."""
        fill(self.place / name, {name.replace("_", "-"): text for name, text in files.items()})
        return self.place / name

    def start(self, *more: str) -> "subprocess.Popen[bytes]":
        variables = {**ENVIRONMENT, "PATH": f"{COMMANDS}:{ENVIRONMENT['PATH']}"}  # our supervise, too
        with open(self.place.parent / "errors", "ab") as errors:
            self.process = subprocess.Popen(
                [*ours("svscan"), *self.options, *more, "."], env=variables, cwd=self.place, stderr=errors
            )
        return self.process

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait(PATIENCE)

    def said(self) -> str:
        return (self.place.parent / "errors").read_text()

    def complaints(self) -> list[str]:
        """Return what was said but that a disk is slow, which may be so on a machine under load."""
        return [line for line in self.said().splitlines() if "waiting for the disk" not in line]

    def svc(self, letters: str, name: str) -> None:
        assert run([*ours("svc"), letters, name], self.place) == (0, b"", b"")

    def stat(self, name: str) -> str:
        return svstat.describe(bytes(self.place / name)).decode()

    def close(self) -> None:
        """End svscan, then supervisors, then services."""
        if self.process:
            self.kill()
        services = [path for path in (*self.place.glob("*"), *self.place.glob("*/log")) if path.is_dir()]
        for _ in range(2):  # a supervisor may just have started something
            for path in services:
                Peer(path, "", {}).close()


@pytest.fixture(params=["processes", "in process"])
def scan(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scan]:
    made = Scan(tmp_path / "scanned", ["--in-process"] if request.param == "in process" else [])
    yield made
    made.close()


@pytest.fixture
def in_process(tmp_path: Path) -> Iterator[Scan]:
    made = Scan(tmp_path / "scanned", ["--in-process"])
    yield made
    made.close()


def test_each_gets_what_it_asks_for(scan: Scan) -> None:
    ready = "#!/bin/sh\necho $$ >> starts\necho >&5\nexec 5>&-\nexec sleep 1000\n"
    told = scan.add("told", run=ready, notification_fd="5", finish=FINISH)
    failed = scan.add("failed", run="#!/bin/sh\nexit 3\n", finish=f"{FINISH}exit 125\n")
    checked = scan.add("checked", run=SLEEPING, check="#!/bin/sh\ntest -e go\n")
    plain = scan.add("plain", run=SLEEPING)
    scan.start()
    wait_for(lambda: ", ready " in scan.stat("told"), "it is ready")
    wait_for(lambda: scan.stat("failed").endswith(", failed"), "it has failed")
    assert lines_of(failed / "ends")[0].split()[:3] == ["3", "0", "failed"]
    wait_lines(checked / "starts")
    assert "ready" not in scan.stat("checked")
    (checked / "go").touch()
    wait_for(lambda: ", ready " in scan.stat("checked"), "the check succeeds")
    (pid,) = wait_lines(told / "starts")
    scan.svc("-t", "told")
    (end,) = wait_lines(told / "ends")
    assert end == f"256 15 told {pid}"
    wait_lines(told / "starts", 2)
    wait_lines(plain / "starts")
    assert len((plain / "supervise/status").read_bytes()) == 18


def test_sockets_are_for_one_service_alone(scan: Scan, tmp_path: Path) -> None:
    holding = "#!/bin/sh\nls -l /proc/$$/fd >> held\necho $$ >> starts\nexec sleep 1000\n"
    served = scan.add("served", run=PYTHON, sockets=f"unix:{tmp_path}/s\n")
    plain = scan.add("plain", run=holding)
    scan.start()
    wait_lines(served / "starts")
    wait_lines(plain / "starts")
    scan.svc("-t", "plain")
    wait_lines(plain / "starts", 2)  # at least this start came behind the sockets
    assert "socket:" not in (plain / "held").read_text()
    scan.svc("-t", "served")
    assert burst(tmp_path / "s", 3) == [ANSWER] * 3
    wait_lines(served / "starts", 2)
    scan.kill()
    if "--in-process" in scan.options:
        scan.start()  # its sockets closed; the service has them until it ends
        wait_for(lambda: "up (pid" in scan.stat("served"), "it is taken over")
        assert burst(tmp_path / "s", 3) == [ANSWER] * 3
        scan.svc("-t", "served")
        wait_lines(served / "starts", 3)
    assert burst(tmp_path / "s", 3) == [ANSWER] * 3
    assert scan.process
    scan.svc("-dx", "served")
    wait_for(lambda: not (tmp_path / "s").exists(), "its supervisor leaves")
    assert not [line for line in scan.complaints() if "taking over" not in line]


def test_file_that_comes_later_counts_from_the_next_start(scan: Scan) -> None:
    one = scan.add("x", run=SLEEPING)
    scan.start()
    wait_lines(one / "starts")
    fill(one, {"finish": FINISH})
    scan.svc("-t", "x")
    wait_lines(one / "starts", 2)
    assert not (one / "ends").exists(), "it was not there when this run began"
    scan.svc("-t", "x")
    wait_lines(one / "ends")
    (one / "finish").unlink()
    wait_lines(one / "starts", 3)
    scan.svc("-t", "x")
    wait_lines(one / "starts", 4)
    assert len((one / "supervise/status").read_bytes()) == 18


def test_stop_that_ends(scan: Scan) -> None:
    """On TERM a stubborn service has the time that it asks for; ``finish`` runs; the logger has all."""
    one = scan.add("x", run=STUBBORN, timeout_kill="300", finish=f"{FINISH}echo the last words\n")
    fill(one / "log", {"run": LOGGER})
    scanner = scan.start("--stop-on-term=30")
    (pid,) = wait_lines(one / "starts")
    begun = time.monotonic()
    scanner.send_signal(signal.SIGTERM)
    assert scanner.wait(PATIENCE) == 0
    assert time.monotonic() - begun < 20
    assert [line.split()[:2] for line in lines_of(one / "ends")] == [["256", "9"]]
    assert lines_of(one / "log/main/current") == ["the last words"]
    assert not Path(f"/proc/{pid}").exists()
    assert scan.complaints() == []


def test_hanging_finish_does_not_hold_up_the_stop(scan: Scan) -> None:
    one = scan.add("x", run=SLEEPING, finish=WAITING, timeout_finish="0")
    scanner = scan.start("--stop-on-term=4")
    wait_lines(one / "starts")
    scanner.send_signal(signal.SIGTERM)
    assert scanner.wait(PATIENCE) == 0
    (pid,) = lines_of(one / "ends")
    # Of a process that has ended and was not waited for, these are out of reach.
    wait_for(lambda: not os.path.exists(f"/proc/{pid}/fd/1"), "it is killed")
    assert "x has not ended: killed" in scan.said()


def test_killed_svscan_while_finish_runs(in_process: Scan) -> None:
    """The next one waits for it, and finds the pipe to the logger by it: no line is lost."""
    scan = in_process
    one = scan.add("x", run=SLEEPING, finish=f"{WAITING}echo the last words\n", timeout_finish="0")
    fill(one / "log", {"run": LOGGER})
    scan.start()
    wait_lines(one / "starts")
    wait_for(lambda: (one / "log/main/current").exists(), "the logger")
    scan.svc("-t", "x")
    (pid,) = wait_lines(one / "ends")
    scan.kill()
    scan.start()
    wait_for(lambda: f"taking over x, which finishes as process {pid}" in scan.said(), scan.said)
    time.sleep(1.2)  # what should not happen has the time to
    assert len(lines_of(one / "starts")) == 1
    (one / "go").touch()
    wait_lines(one / "starts", 2)
    wait_for(lambda: lines_of(one / "log/main/current") == ["the last words"], "the line")


@pytest.mark.slow
def test_fifty_services_end_on_term(scan: Scan) -> None:
    for number in range(50):
        files = {"run": SLEEPING, "finish": FINISH, "timeout_kill": "5000", "flag_timeout_killpg": ""}
        scan.add(f"x{number}", **files)
    scanner = scan.start("--stop-on-term=30")
    for number in range(50):
        wait_lines(scan.place / f"x{number}/starts")
    pids = [int(lines_of(scan.place / f"x{number}/starts")[0]) for number in range(50)]
    assert all(os.getsid(pid) == pid for pid in pids)
    scanner.send_signal(signal.SIGTERM)
    assert scanner.wait(PATIENCE) == 0
    assert [lines_of(scan.place / f"x{number}/ends") for number in range(50)] == [
        [f"256 15 x{number} {pid}"] for number, pid in enumerate(pids)
    ]
    assert scan.complaints() == []
