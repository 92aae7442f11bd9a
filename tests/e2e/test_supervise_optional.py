"""Services with optional files on bad days: hanging, killed, spoken to by strangers."""

import array
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.commands import COMMANDS, ENVIRONMENT, ours, run
from tests.support.patience import PATIENCE, wait_for
from tests.support.peers import Peer, fill, lines_of, wait_lines
from tests.support.supervised import Service

pytestmark = pytest.mark.sampled(4)

MINE = ours("supervise")
SLEEPING = "#!/bin/sh\necho $$ >> starts\nexec sleep 1000\n"
WAITING = "#!/bin/sh\necho $$ >> ends\nwhile ! test -e go; do sleep 0.05; done\n"
PYTHON = f"#!{sys.executable} -S\nimport os, signal, socket, time\n"

Make = Callable[..., Service]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Give a function that makes a service with files; its processes are gone in the end."""
    made: list[Service] = []

    def one(text: str, name: str = "x", **files: str) -> Service:
        made.append(Service(tmp_path / name, text))
        fill(made[-1].directory, {name.replace("_", "-"): value for name, value in files.items()})
        return made[-1]

    yield one
    for service in made:
        service.close()
        Peer(service.directory, "", {}).close()  # whatever stands there


def kill(service: Service) -> None:
    """Kill the supervise as nobody should."""
    assert service.supervise
    service.supervise.kill()
    service.supervise.wait(PATIENCE)


def is_alive(pid: int) -> bool:
    try:
        return b"State:\tZ" not in Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        return False


class TestFinish:
    def test_hanging_finish_is_killed_with_its_children(self, make: Make) -> None:
        hanging = "#!/bin/sh\nsleep 1000 &\necho $! >> children\necho $$ >> ends\nwait\n"
        service = make("#!/bin/sh\necho $$ >> starts\nexit 1\n", finish=hanging, timeout_finish="200")
        service.start(MINE)
        wait_lines(service.directory / "starts", 2)
        (child, *_) = wait_lines(service.directory / "children")
        wait_for(lambda: not is_alive(int(child)), "it is gone, too")

    def test_successor_waits_for_the_finish_that_runs(self, make: Make) -> None:
        service = make(SLEEPING, finish=WAITING, timeout_finish="0").start(MINE)
        wait_lines(service.directory / "starts")
        service.send(b"t")
        (pid,) = wait_lines(service.directory / "ends")
        wait_for(lambda: service.pid() == int(pid), "it is published")
        kill(service)
        service.start(MINE)
        said = b"supervise: warning: taking over %s, which finishes as process %d\n"
        assert service.said() == said % (bytes(service.directory), int(pid))
        known = service.known()
        assert known.details
        assert (known.pid, known.details.phase, known.details.code) == (int(pid), 2, 256)
        time.sleep(1.2)  # what should not happen has the time to
        assert service.starts() == 1
        (service.directory / "go").touch()
        wait_lines(service.directory / "starts", 2)
        assert len(lines_of(service.directory / "ends")) == 1

    def test_successor_sees_to_its_time(self, make: Make) -> None:
        service = make(SLEEPING, finish=WAITING, timeout_finish="700").start(MINE)
        wait_lines(service.directory / "starts")
        service.send(b"t")
        (pid,) = wait_lines(service.directory / "ends")
        kill(service)
        service.start(MINE)
        wait_lines(service.directory / "starts", 2)
        assert not is_alive(int(pid))

    def test_killed_supervise_while_it_is_told_to_leave(self, make: Make) -> None:
        """It may be killed at any moment of a stop; who comes next can end it."""
        service = make(SLEEPING, finish=WAITING, timeout_finish="0").start(MINE)
        wait_lines(service.directory / "starts")
        service.send(b"dx")
        wait_lines(service.directory / "ends")
        kill(service)
        service.start(MINE)
        service.send(b"dx")
        wait_for(service.has_heard, "it is read")
        (service.directory / "go").touch()
        assert service.wait_left() == 0
        assert service.starts() == 1

    def test_end_of_what_was_taken_over_is_not_known(self, make: Make) -> None:
        service = make(SLEEPING, finish='#!/bin/sh\necho "$@" >> ends\n').start(MINE)
        (pid,) = wait_lines(service.directory / "starts")
        kill(service)
        service.start(MINE)
        service.send(b"k")
        (end,) = wait_lines(service.directory / "ends")
        assert end == f"256 0 {service.directory} {pid}"

    def test_failure_by_exit_code_100(self, make: Make) -> None:
        service = make("#!/bin/sh\necho $$ >> starts\nexit 100\n", flag_permanent_100="").start(MINE)
        wait_for(lambda: (known := service.known()).details and known.details.flags & 4, "it has failed")
        assert service.starts() == 1
        assert b"failed" in run([*ours("svstat"), "x"], service.directory.parent)[1]
        service.send(b"u")
        wait_lines(service.directory / "starts", 2)


class TestGroup:
    def test_what_is_left_of_the_group_is_ended_before_the_next_start(self, make: Make) -> None:
        """A grandchild holds the port; the next run could not bind it."""
        text = f"""{PYTHON}
server = socket.socket()
place = int(open("port").read()) if os.path.exists("port") else 0
try:
    server.bind(("127.0.0.1", place))
except OSError:
    open("refused", "a").write("refused\\n")
    raise SystemExit(1)
server.listen()
open("port", "w").write(str(server.getsockname()[1]))
pid = os.fork()
if pid == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True: signal.pause()
open("children", "a").write(f"{{pid}}\\n")
open("starts", "a").write("started\\n")
while True: signal.pause()
"""
        service = make(text, flag_timeout_killpg="", timeout_kill="300").start(MINE)
        wait_lines(service.directory / "starts")
        service.send(b"k")
        wait_lines(service.directory / "starts", 2)
        first, second = map(int, lines_of(service.directory / "children"))
        assert not is_alive(first)
        assert not (service.directory / "refused").exists()
        service.send(b"dx")
        assert service.wait_left() == 0
        assert not is_alive(second)

    def test_timeout_kills_the_whole_group(self, make: Make) -> None:
        text = "#!/bin/sh\ntrap '' TERM\nsleep 1000 &\necho $! >> children\necho $$ >> starts\nwait\nwait\n"
        service = make(text, flag_timeout_killpg="", timeout_kill="300").start(MINE)
        (leader,) = wait_lines(service.directory / "starts")
        (child,) = wait_lines(service.directory / "children")
        service.send(b"d")
        wait_for(lambda: not is_alive(int(leader)) and not is_alive(int(child)), "both are killed")

    @pytest.mark.parametrize("options", [[], ["--in-process"]])
    def test_group_of_one_service_is_not_that_of_another(self, tmp_path: Path, options: list[str]) -> None:
        """Two under one svscan, and a plain one: one of them is killed with its group."""
        files = {"run": "#!/bin/sh\ntrap '' TERM\necho $$ > pid\nsleep 1000 &\nwait\nwait\n"}
        limits = {"flag-timeout-killpg": "", "timeout-kill": "200"}
        for name, more in {"one": limits, "two": limits, "plain": {}}.items():
            fill(tmp_path / name, {**files, **more})
        path = {"PATH": f"{COMMANDS}:{ENVIRONMENT['PATH']}"}  # our supervise, too
        scanner = subprocess.Popen([*ours("svscan"), *options, str(tmp_path)], env={**ENVIRONMENT, **path})
        try:
            pids = {name: int(wait_lines(tmp_path / name / "pid")[0]) for name in ("one", "two", "plain")}
            run([*ours("svc"), "-d", "one"], tmp_path)
            wait_for(lambda: not is_alive(pids["one"]), "it is killed")
            time.sleep(0.5)  # what should not happen has the time to
            assert is_alive(pids["two"])
            assert is_alive(pids["plain"])
            assert scanner.poll() is None
        finally:
            run([*ours("svc"), "-dkx", *(str(tmp_path / name) for name in ("one", "two", "plain"))], tmp_path)
            scanner.kill()
            scanner.wait(PATIENCE)
            for name in ("one", "two", "plain"):
                Peer(tmp_path / name, "", {}).close()


NOTIFYING = f"""{PYTHON}
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
def tell(text):
    notify.sendto(text, os.environ["NOTIFY_SOCKET"])
def wait(name):
    while not os.path.exists(name): time.sleep(0.02)
"""


class TestReady:
    def test_tcpserver_of_ours_is_ready_when_it_listens(self, make: Make) -> None:
        command = " ".join(ours("tcpserver"))
        text = f"#!/bin/sh\necho $$ >> starts\nexec {command} --ready-fd 3 -v 127.0.0.1 0 cat 2>>log\n"
        service = make(text, notification_fd="3").start(MINE)
        wait_for(lambda: service.known().is_ready, lambda: (service.directory / "log").read_text())

    def test_tcpserver_of_ours_uses_the_socket(self, make: Make) -> None:
        command = " ".join(ours("tcpserver"))
        text = f"#!/bin/sh\necho $$ >> starts\nexec {command} -v 127.0.0.1 0 cat 2>>log\n"
        service = make(text, flag_notify_socket="").start(MINE)
        wait_for(lambda: service.known().is_ready, lambda: (service.directory / "log").read_text())

    def test_successor_knows_that_it_is_ready(self, make: Make) -> None:
        text = "#!/bin/sh\necho >&3\nexec 3>&-\necho $$ >> starts\nexec sleep 1000\n"
        service = make(text, notification_fd="3").start(MINE)
        wait_for(lambda: service.known().is_ready, "it is ready")
        before = service.known()
        kill(service)
        service.start(MINE)
        after = service.known()
        assert after.is_ready
        assert after.pack() == before.pack()

    def test_successor_says_that_it_is_not_if_it_was_not(self, make: Make) -> None:
        service = make(SLEEPING, notification_fd="3").start(MINE)
        wait_lines(service.directory / "starts")
        kill(service)
        service.start(MINE)
        assert not service.known().is_ready
        service.send(b"t")
        wait_lines(service.directory / "starts", 2)

    def test_megabytes_without_a_newline_hold_nobody_up(self, make: Make) -> None:
        text = f"{PYTHON}\nopen('starts', 'a').write('started\\n')\nwhile True: os.write(3, b'x' * 65536)\n"
        service = make(text, notification_fd="3").start(MINE)
        wait_lines(service.directory / "starts")
        time.sleep(1)
        assert not service.known().is_ready
        service.send(b"d")
        wait_for(lambda: service.known().pid == 0, "it is down")

    def test_socket_is_for_processes_of_the_service_alone(self, make: Make) -> None:
        text = f"""{NOTIFYING}
open("starts", "a").write("started\\n")
wait("go")
if os.fork() == 0:
    tell(b"STATUS=nearly\\nREADY=1")
    while True: signal.pause()
wait("stop")
tell(b"STOPPING=1")
while True: signal.pause()
"""
        service = make(text, flag_notify_socket="").start(MINE)
        wait_lines(service.directory / "starts")
        place = str(service.directory / "supervise" / "notify")
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as stranger:
            stranger.settimeout(PATIENCE)
            null = array.array("i", [0, 1])
            for _ in range(200):
                stranger.sendto(b"READY=1", place)
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, null)]
                stranger.sendmsg([b"READY=1\n" * 1000], rights, 0, place)
        time.sleep(0.5)
        assert not service.known().is_ready, "a stranger has told so"
        assert service.supervise
        assert len(os.listdir(f"/proc/{service.supervise.pid}/fd")) < 20, (
            "no descriptor of a stranger is kept"
        )
        (service.directory / "go").touch()
        wait_for(lambda: service.known().is_ready, "a child of the service has told so")
        (service.directory / "stop").touch()
        wait_for(lambda: not service.known().is_ready, "it is stopping")

    def test_successor_listens_on_the_socket(self, make: Make) -> None:
        text = (
            f"{NOTIFYING}\nopen('starts', 'a').write('x\\n')\nwait('go')\ntell(b'READY=1')\nsignal.pause()\n"
        )
        service = make(text, flag_notify_socket="").start(MINE)
        wait_lines(service.directory / "starts")
        kill(service)
        service.start(MINE)
        assert not service.known().is_ready
        (service.directory / "go").touch()
        wait_for(lambda: service.known().is_ready, "it has told so")

    def test_path_that_is_too_long_is_a_line(self, make: Make) -> None:
        service = make(SLEEPING, name="x" * 120, flag_notify_socket="").start(MINE)
        wait_lines(service.directory / "starts")
        assert service.said().startswith(b"supervise: warning: unable to make ")
        assert service.said().endswith(b"/supervise/notify: file name too long\n")
        assert b"NOTIFY" not in Path(f"/proc/{service.pid()}/environ").read_bytes()

    def test_check_runs_until_it_succeeds(self, make: Make) -> None:
        check = "#!/bin/sh\necho $$ >> checks\ntest -e go\n"
        service = make(SLEEPING, check=check).start(MINE)
        wait_lines(service.directory / "checks", 2)
        assert not service.known().is_ready
        (service.directory / "go").touch()
        wait_for(lambda: service.known().is_ready, "it is ready")
        count = len(lines_of(service.directory / "checks"))
        time.sleep(1.2)  # what should not happen has the time to
        assert len(lines_of(service.directory / "checks")) == count

    def test_check_ends_with_the_service(self, make: Make) -> None:
        check = "#!/bin/sh\necho $$ >> checks\nsleep 1000\n"
        service = make(SLEEPING, check=check).start(MINE)
        (pid,) = wait_lines(service.directory / "checks")
        service.send(b"d")
        wait_for(lambda: not is_alive(int(pid)), "it is gone")

    @pytest.mark.slow
    def test_hanging_check_has_ten_seconds(self, make: Make) -> None:
        check = "#!/bin/sh\necho $$ >> checks\ntest -e second && exit 0\n> second\nsleep 1000\n"
        service = make(SLEEPING, check=check).start(MINE)
        begun = time.monotonic()
        wait_for(lambda: service.known().is_ready, "the second check succeeds")
        assert time.monotonic() - begun > 9


@pytest.mark.slow
def test_pauses_grow(make: Make) -> None:
    text = "#!/bin/sh\ndate +%s.%N >> starts\nexit 1\n"
    service = make(text, backoff="0.5 2").start(MINE)
    times = [float(line) for line in wait_lines(service.directory / "starts", 5)]
    pauses = [later - earlier - 1.02 for earlier, later in pairwise(times)]
    for pause, expected in zip(pauses, (0.5, 1, 2, 2), strict=True):
        assert expected - 0.05 < pause < expected + 1.5


def test_pause_can_be_ended_by_letters(make: Make) -> None:
    service = make("#!/bin/sh\necho $$ >> starts\nexit 1\n", backoff="1000 1000").start(MINE)
    wait_lines(service.directory / "starts")
    wait_for(lambda: service.pid() == 0, "it is down")
    service.send(b"u")
    wait_lines(service.directory / "starts", 2)
    wait_for(lambda: service.pid() == 0, "it is down")
    service.send(b"x")
    assert service.wait_left() == 0


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_moment(make: Make, seed: int) -> None:
    """Whatever runs then: in the end there is one process, and nothing else."""
    text = "#!/bin/sh\necho >&3\nexec 3>&-\necho $$ >> starts\nexec sleep 1000\n"
    files = {
        "finish": "#!/bin/sh\necho $$ >> ends\nsleep 0.3\n",
        "notification_fd": "3",
        "timeout_kill": "500",
    }
    service = make(text, flag_timeout_killpg="", **files)
    for step in range(4):
        service.start(MINE)
        service.send((b"t", b"k", b"du", b"t")[step])
        time.sleep(0.07 * seed + 0.2 * step)  # what it does by then is the point
        kill(service)
    service.start(MINE)

    def running() -> list[int]:
        return [pid for line in lines_of(service.directory / "starts") if is_alive(pid := int(line))]

    wait_for(lambda: running() == [service.pid()], lambda: f"{running()} {service.pid()}")
    pid = service.pid()
    service.send(b"dx")
    assert service.wait_left() == 0
    assert not is_alive(pid)
    assert running() == []
