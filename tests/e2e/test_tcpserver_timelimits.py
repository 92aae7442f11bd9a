"""No client stays for ever: --max-time, MAXTIME of a rule, --idle-time."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import ucspi.cdb
from tests.support.commands import COMMANDS
from tests.support.patience import PATIENCE, wait_for
from tests.support.processes import descriptors
from tests.support.refusing import refuse
from tests.support.serving import COMMAND, ENVIRONMENT, Served, hold, read_all, serving
from tests.support.warmed import CAN_BE_WARM
from ucspi.unix import native

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(3)]

MAX_TIME, IDLE_TIME = ["-vHRl0", "--max-time", "1"], ["-vHRl0", "--idle-time", "1"]
needs_core = pytest.mark.skipif(native.lib is None, reason="only the compiled module can take a connection")
HOLDS = "sleep 600 & echo $!; wait"  # a grandchild of the server has the connection too
IGNORES = f"trap '' TERM; {HOLDS}"
GRACE = 2
HURRIED = f"""
import sys
from ucspi.programs import tcpserver
from ucspi.tcp.server import timelimits

timelimits.GRACE = {GRACE}.0
sys.exit(tcpserver.main())
"""
HURRIED_COMMAND = [sys.executable, "-c", HURRIED]  # waits less for SIGTERM to do its work


def ends(lines: list[str]) -> list[str]:
    """Return the wait statuses of the handlers that have ended."""
    return [line.rpartition(" ")[2] for line in lines if line.startswith("tcpserver: end ")]


def wait_for_end(served: Served, *statuses: str) -> list[str]:
    return served.wait_for(lambda lines: ends(lines) == list(statuses))


def said(lines: list[str]) -> list[str]:
    """Return what was said of limits, without pids."""
    words = [line.split() for line in lines if ": ending " in line or ": killing " in line]
    return [" ".join(word for word in line if not word.strip(":").isdigit() or word == "1") for line in words]


def refusal(options: Sequence[str], *, before: Callable[[], None] | None = None) -> tuple[int, str]:
    done = subprocess.run(
        [*COMMAND, *options, "127.0.0.1", "0", "true"],
        capture_output=True,
        env=ENVIRONMENT,
        timeout=PATIENCE,
        preexec_fn=before,
    )
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    return done.returncode, lines[0].removeprefix("tcpserver: fatal: ")


# --max-time


def test_handler_gets_sigterm_when_its_time_is_over(tmp_path: Path) -> None:
    with serving(tmp_path, MAX_TIME, ["cat"]) as served:
        client, began = hold(served), time.monotonic()
        while True:  # it is busy all the time, and that does not help
            try:
                client.sendall(b"x")
                if not client.recv(1):
                    break
            except ConnectionError:
                break
        assert time.monotonic() - began > 0.5
        assert said(wait_for_end(served, "15")) == ["tcpserver: ending longer than 1 seconds (max-time)"]


def test_handler_that_ends_in_time_is_not_touched(tmp_path: Path) -> None:
    with serving(tmp_path, ["-vHRl0", "--max-time", "2"], ["cat"]) as served:
        hold(served).close()
        hold(served, "127.0.0.2").close()
        wait_for_end(served, "0", "0")
        time.sleep(2.2)
        assert said(served.lines()) == []


def test_handler_may_say_goodbye(tmp_path: Path) -> None:
    script = "trap 'echo 421 too long; exit 3' TERM; echo hello; while :; do sleep 0.1; done"
    with serving(tmp_path, MAX_TIME, ["sh", "-c", script]) as served, served.connect() as client:
        assert read_all(client) == b"hello\n421 too long\n"
        wait_for_end(served, "768")


@pytest.mark.slow
def test_time_counts_from_the_start_of_each_handler(tmp_path: Path) -> None:
    with serving(tmp_path, ["-vHRl0", "--max-time", "2"], ["cat"]) as served:
        first = hold(served)
        began = time.monotonic()
        wait_for(lambda: time.monotonic() > began + 1, "a second")
        second = hold(served, "127.0.0.2")
        assert first.recv(1) == b""
        second.sendall(b"y")
        assert second.recv(1) == b"y"
        assert second.recv(1) == b""
        wait_for_end(served, "15", "15")


@needs_core
@pytest.mark.parametrize(
    ("command", "grace"),
    [(HURRIED_COMMAND, GRACE), pytest.param(COMMAND, 10, marks=pytest.mark.slow)],
    ids=["hurried", "usual"],
)
def test_handler_that_ignores_it_is_killed_and_its_connection_shut(
    tmp_path: Path, command: Sequence[str], grace: int
) -> None:
    with serving(tmp_path, MAX_TIME, ["sh", "-c", IGNORES], command=command) as served:
        client, began = served.connect(), time.monotonic()
        grandchild = int(client.makefile("rb").readline())
        before = descriptors(served.process.pid)
        try:
            assert client.recv(1) == b""  # though somebody else still has the connection
            assert 1 + grace <= time.monotonic() - began < 1 + grace + PATIENCE
            assert Path(f"/proc/{grandchild}").exists()
            lines = wait_for_end(served, "9")
            assert said(lines) == [
                "tcpserver: ending longer than 1 seconds (max-time)",
                "tcpserver: warning: killing it is still there after SIGTERM",
            ]
            wait_for(
                lambda: descriptors(served.process.pid) == before, "what was opened for that to be closed"
            )
        finally:
            os.kill(grandchild, signal.SIGKILL)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may cut connections of others")
def test_root_cuts_what_a_handler_has_left_to_others(tmp_path: Path) -> None:
    handler = ["sh", "-c", HOLDS]
    with (
        serving(tmp_path, MAX_TIME, handler, command=HURRIED_COMMAND) as served,
        served.connect() as client,
    ):
        grandchild = int(client.makefile("rb").readline())
        try:
            wait_for_end(served, "15")
            client.settimeout(PATIENCE)
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        finally:
            os.kill(grandchild, signal.SIGKILL)


@pytest.mark.slow
def test_limit_that_is_refused_by_the_kernel_still_kills(tmp_path: Path) -> None:
    """Where a connection cannot be taken from its handler, that is killed all the same."""
    script = "trap '' TERM; while :; do sleep 0.1; done"
    before, handler = refuse("pidfd_getfd", 1), ["sh", "-c", script]
    with (
        serving(tmp_path, MAX_TIME, handler, before=before, command=HURRIED_COMMAND) as served,
        served.connect(),
    ):
        wait_for_end(served, "9")


@pytest.mark.slow
def test_stopped_handler_is_killed(tmp_path: Path) -> None:
    handler = ["sh", "-c", "kill -STOP $$"]
    with serving(tmp_path, MAX_TIME, handler, command=HURRIED_COMMAND) as served, served.connect():
        wait_for_end(served, "9")


@pytest.mark.slow
def test_stopped_server_kills_nobody_without_grace(tmp_path: Path) -> None:
    script = "trap 'sleep 1; echo bye; exit' TERM; while :; do sleep 0.1; done"
    handler = ["sh", "-c", script]
    with (
        serving(tmp_path, MAX_TIME, handler, command=HURRIED_COMMAND) as served,
        served.connect() as client,
    ):
        served.wait_for(lambda lines: any(": ok " in line for line in lines))
        served.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        wait_for(lambda: time.monotonic() > began + 2 + GRACE, "the time of both signals")
        served.process.send_signal(signal.SIGCONT)
        assert read_all(client) == b"bye\n"
        wait_for_end(served, "0")


def test_limits_hold_while_the_server_drains(tmp_path: Path) -> None:
    with serving(tmp_path, [*MAX_TIME, "--drain", "600"], ["cat"]) as served:
        client = hold(served)
        served.process.send_signal(signal.SIGTERM)
        assert read_all(client) == b""
        assert served.process.wait(PATIENCE) == 0
        assert said(served.lines()) == ["tcpserver: ending longer than 1 seconds (max-time)"]


CROWD = """
import os, random, signal, sys, time
random.seed(os.getpid())
how = random.randrange(4)
if how == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it must be killed
elif how == 1:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(3))
time.sleep(1 + (random.random() - 0.5) / 5 if how != 0 else 600)  # around its limit
"""


@pytest.mark.slow
def test_crowd_that_ends_around_its_limit_is_counted_out(tmp_path: Path) -> None:
    """Signals and ends cross: each handler is reaped once, nobody else is hit, no place is lost."""
    count = 60
    options = ["-vHRl0", "-c", str(count), "--max-time", "1", "--idle-time", "1"]
    with serving(tmp_path, options, [sys.executable, "-c", CROWD], command=HURRIED_COMMAND) as served:
        served.wait_for(lambda lines: lines[:1] == [f"tcpserver: status: 0/{count}"])
        before = descriptors(served.process.pid)
        clients = [served.connect() for _ in range(count)]
        lines = served.wait_for(
            lambda lines: len(ends(lines)) == count and lines[-1].startswith("tcpserver: status: 0/")
        )
        assert set(ends(lines)) <= {"0", "9", "15", "768"}
        assert ends(lines).count("9") == len([line for line in said(lines) if "killing" in line])
        for client in clients:
            assert read_all(client) == b""
        assert served.process.poll() is None
        wait_for(lambda: descriptors(served.process.pid) <= before, "no descriptor to be left")
        hold_again = served.connect()  # there is a place again
        served.wait_for(lambda lines: len(ends(lines)) == count + 1)
        hold_again.close()


def test_unix_domain_client_has_the_same_limit(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with serving(tmp_path, [*MAX_TIME, "--listen", f"unix:{path}"], ["cat"]) as served:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(str(path))
            assert client.recv(1) == b""
        wait_for_end(served, "15")


def test_rule_limits_its_clients_only(tmp_path: Path) -> None:
    rules = tmp_path / "tcp.cdb"
    with ucspi.cdb.create(rules) as writer:
        writer.add(b"127.0.0.1", b"+MAXTIME=1\0")
        writer.add(b"127.0.0.2", b"+MAXTIME=0\0")
        writer.add(b"127.0.0.3", b"+MAXTIME=1m\0")
    with serving(tmp_path, ["-vHRl0", "-x", str(rules)], ["cat"]) as served:
        free = hold(served, "127.0.0.4")
        with served.connect("127.0.0.2") as client:
            assert read_all(client) == b""
        with served.connect("127.0.0.3") as client:
            assert read_all(client) == b""
        dropping = "tcpserver: warning: dropping connection, the rule's MAXTIME "
        served.wait_for(lambda lines: {dropping + "is 0", dropping + "is no number"} <= set(lines))
        assert read_all(hold(served)) == b""
        lines = served.wait_for(lambda lines: ends(lines)[-1:] == ["15"])
        assert said(lines) == ["tcpserver: ending longer than 1 seconds (MAXTIME)"]
        free.sendall(b"x")
        assert free.recv(1) == b"x"


def test_json_and_status_file_tell_of_it(tmp_path: Path) -> None:
    status = tmp_path / "status"
    options = [*MAX_TIME, "--log", "json", "--status-file", str(status)]
    script = "trap 'while [ ! -e go ]; do sleep 0.1; done; exit 7' TERM; while :; do sleep 0.1; done"
    with serving(tmp_path, options, ["sh", "-c", script]) as served, served.connect():
        lines = served.wait_for(lambda lines: '"event":"timeout"' in "".join(lines[-1:]))
        told = json.loads(lines[-1])
        ok = next(json.loads(line) for line in lines if '"event":"ok"' in line)
        assert (told["pid"], told["connection"], told["remote_ip"]) == (ok["pid"], 1, "127.0.0.1")
        assert (told["reason"], told["limit_seconds"], told["signal"]) == ("max-time", 1, "SIGTERM")
        assert 1 <= told["seconds"] < PATIENCE
        wait_for(lambda: '"ending":"max-time"' in status.read_text(), "the status file")
        assert json.loads(status.read_text())["connections"][0]["ending"] == "max-time"
        (tmp_path / "go").touch()
        lines = served.wait_for(lambda lines: '"event":"end"' in lines[-1])
        end = json.loads(lines[-1])
        assert (end["exit"], end["reason"]) == (7, "max-time")


@pytest.mark.parametrize("option", ["--max-time", "--idle-time"])
@pytest.mark.parametrize("value", ["0", "", "x", "1m", "-1", "1.5", "9" * 30])
def test_value_that_makes_no_sense_is_refused(option: str, value: str) -> None:
    code, line = refusal([f"{option}={value}"])
    assert code == 100
    assert option in line


# Handlers in Python, which a stem forks

MODULE = """
import os, time

def wait(client):
    client.writer.write(b"hi\\n")
    client.writer.flush()
    time.sleep(600)

def name(client):
    client.reader.readline()
    client.writer.write(b"%d\\n" % os.getpid())
    client.writer.flush()
    client.reader.read()
"""


@pytest.mark.skipif(not CAN_BE_WARM, reason="there is no stem")
@pytest.mark.parametrize("keep", [[], ["--keep", "1000000"]], ids=["once", "keep"])
def test_warm_handler_is_ended_too(tmp_path: Path, keep: list[str]) -> None:
    (tmp_path / "own.py").write_text(MODULE)
    handler = [str(COMMANDS / "pyhandler"), *keep, "own:wait"]
    with serving(tmp_path, MAX_TIME, handler) as served:
        for source in ("127.0.0.1", "127.0.0.2"):
            with served.connect(source) as client:
                assert read_all(client) == b"hi\n"
        assert len(said(wait_for_end(served, "15", "15"))) == 2


@pytest.mark.skipif(not CAN_BE_WARM, reason="there is no stem")
def test_each_connection_of_a_kept_process_has_its_own_time(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(MODULE)
    handler = [str(COMMANDS / "pyhandler"), "--keep", "1000000", "own:name"]

    def visit(served: Served) -> bytes:
        with served.connect() as client:
            client.sendall(b"x\n")
            pid = client.recv(100)
            client.shutdown(socket.SHUT_WR)
            assert read_all(client) == b""
        return pid

    with serving(tmp_path, ["-vHRl0", "--max-time", "2"], handler) as served:
        first, began, visits = visit(served), time.monotonic(), 1
        wait_for_end(served, "0")  # by then the process is idle
        while time.monotonic() < began + 3:
            assert visit(served) == first  # it is not ended, though it has been there for longer
            visits += 1
            wait_for_end(served, *["0"] * visits)
        with served.connect() as client:
            client.sendall(b"x\n")
            assert client.recv(100) == first
            assert read_all(client) == b""
        assert len(said(wait_for_end(served, *["0"] * visits, "15"))) == 1
        assert visit(served) != first  # another process has taken its place


# --idle-time


def test_silent_client_is_ended(tmp_path: Path) -> None:
    with serving(tmp_path, IDLE_TIME, ["cat"]) as served, served.connect() as client:
        began = time.monotonic()
        assert client.recv(1) == b""
        assert time.monotonic() - began >= 0.9
        assert said(wait_for_end(served, "15")) == ["tcpserver: ending idle for 1 seconds (idle-time)"]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::"])
def test_idle_client_is_found_by_any_address(tmp_path: Path, host: str) -> None:
    with serving(tmp_path, IDLE_TIME, ["cat"], host=host) as served:
        address = "127.0.0.1" if host == "::" else host
        with socket.create_connection((address, served.port), PATIENCE) as client:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
            assert client.recv(1) == b""
        wait_for_end(served, "15")


def test_idle_client_of_a_socket_that_is_bound_to_an_interface_is_found(tmp_path: Path) -> None:
    with serving(tmp_path, [*IDLE_TIME, "--bind-to-device", "lo"], ["cat"]) as served:
        assert hold(served).recv(1) == b""
        wait_for_end(served, "15")


@pytest.mark.slow
def test_connection_of_the_balancer_is_meant_behind_one(tmp_path: Path) -> None:
    options = ["-vHRl0", "--idle-time", "2", "--proxy-from", "127.0.0.1"]
    with serving(tmp_path, options, ["cat"]) as served, served.connect() as client:
        client.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 5 25\r\nx")
        assert client.recv(1) == b"x"
        began = time.monotonic()
        assert client.recv(1) == b""
        assert time.monotonic() - began >= 1.9
        lines = wait_for_end(served, "15")
        assert any("from 192.0.2.1" in line for line in lines)


def test_client_that_sends_a_byte_now_and_then_is_not_idle(tmp_path: Path) -> None:
    with serving(
        tmp_path, ["-vHRl0", "--idle-time", "2"], ["sh", "-c", "cat >/dev/null; echo done"]
    ) as served:
        with served.connect() as client:
            for _ in range(5):
                client.sendall(b"x")
                time.sleep(1)
            client.shutdown(socket.SHUT_WR)
            assert read_all(client) == b"done\n"
        wait_for_end(served, "0")


@pytest.mark.slow
def test_client_that_only_reads_is_not_idle(tmp_path: Path) -> None:
    script = "for i in 1 2 3 4 5; do sleep 1; echo $i; done"
    with serving(tmp_path, ["-vHRl0", "--idle-time", "2"], ["sh", "-c", script]) as served:
        with served.connect() as client:
            assert read_all(client) == b"1\n2\n3\n4\n5\n"
        wait_for_end(served, "0")


def test_client_that_takes_nothing_is_idle_though_its_machine_answers(tmp_path: Path) -> None:
    """Its window is closed: the kernel asks again and again, and each answer is a packet."""
    options = ["-vHRl0", "--idle-time", "2"]
    with serving(tmp_path, options, ["cat", "/dev/zero"]) as served, served.connect() as client:
        assert said(wait_for_end(served, "15")) == ["tcpserver: ending idle for seconds (idle-time)"]
        assert client.recv(1) == b"\0"


CLOSES = """
import os, sys, time
os.close(0), os.close(1)
open("closed", "w")
while not os.path.exists("go"):
    time.sleep(0.05)
"""


def test_handler_that_closes_its_connection_ends_it_at_once_and_may_work_on(tmp_path: Path) -> None:
    with serving(tmp_path, IDLE_TIME, [sys.executable, "-c", CLOSES]) as served:
        with served.connect() as client:
            assert read_all(client) == b""
            ended = time.monotonic()
            wait_for((tmp_path / "closed").exists, "the handler")
        wait_for(lambda: time.monotonic() > ended + 3, "twice the time")
        assert ends(served.lines()) == []
        (tmp_path / "go").touch()
        assert said(wait_for_end(served, "0")) == []


@pytest.mark.skipif(not CAN_BE_WARM, reason="there are no steps")
def test_copier_in_front_does_not_hide_an_idle_client(tmp_path: Path) -> None:
    handler = [str(COMMANDS / "recordio"), "cat"]
    with serving(tmp_path, IDLE_TIME, handler) as served, served.connect() as client:
        assert client.recv(1) == b""
        served.wait_for(lambda lines: ends(lines) == ["15"])


def test_idle_time_is_refused_for_sockets_of_the_unix_domain(tmp_path: Path) -> None:
    options = ["--idle-time", "60", "--listen", f"unix:{tmp_path}/socket"]
    assert refusal(options) == (
        100,
        "--idle-time is of TCP, and there is a socket of the UNIX domain; use --max-time",
    )


def test_idle_time_is_refused_where_the_kernel_does_not_tell() -> None:
    before = refuse("socket", 93, a0=16)  # EPROTONOSUPPORT, AF_NETLINK
    code, line = refusal(["--idle-time", "60"], before=before)
    assert code == 111
    assert line.startswith("unable to use --idle-time: ")
    assert line.endswith(" (sock_diag)")
