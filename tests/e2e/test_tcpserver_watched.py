"""What can be seen of a server: the log as JSON, and the status file."""

import array
import fcntl
import json
import os
import signal
import socket
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

from tests.support.patience import PATIENCE, wait_for
from tests.support.serving import COMMAND, ENVIRONMENT, hold, read_all, serving

pytestmark = pytest.mark.e2e


def objects(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines if line.startswith("{")]


def ended(count: int) -> Callable[[list[str]], bool]:
    return lambda lines: sum('"event":"end"' in line for line in lines) == count


def read_status(path: Path, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return the status file's content once it is as wanted."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found: dict[str, Any] = json.loads(path.read_text("ascii")) if path.exists() else {}
        if found and wanted(found):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.01)


def test_log_is_json_and_the_handler_keeps_its_own_words(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text("127.0.0.1:allow\n:deny\n")
    os.utime(rules, (1, 1))
    options = ["-vHRl0", "--log", "json", "--rules-text", "rules"]
    with serving(tmp_path, options, ["sh", "-c", "echo handler said >&2; kill -9 $$"]) as served:
        with served.connect() as client:
            assert read_all(client) == b""
        served.wait_for(ended(1))
        with served.connect("127.0.0.2") as client:
            assert read_all(client) == b""
        lines = served.wait_for(lambda lines: any('"event":"deny"' in line for line in lines))
    assert [line for line in lines if not line.startswith("{")] == ["handler said"]
    start, accept, ok, end, _, deny = objects(lines)
    assert (start["event"], start["listeners"]) == ("start", [f"127.0.0.1:{served.port}"])
    assert start["pid"] == served.process.pid
    assert (accept["event"], accept["children"]) == ("accept", 1)
    assert (ok["event"], ok["rule"], ok["line"]) == ("ok", "127.0.0.1", 1)
    assert (end["event"], end["signal"], end["pid"]) == ("end", "SIGKILL", ok["pid"])
    assert end["seconds"] > 0
    assert (deny["remote_ip"], deny["rule"], deny["line"]) == ("127.0.0.2", "", 2)
    assert accept["time"] <= ok["time"] <= end["time"]


def test_both_keeps_the_classic_lines_as_they_are(tmp_path: Path) -> None:
    with serving(tmp_path, ["-vRl0", "--log", "both"], ["true"]) as served:
        with served.connect() as client:
            read_all(client)
        lines = served.wait_for(ended(1))
    pid = objects(lines)[-1]["pid"]
    classic = [line for line in lines if line.startswith("tcpserver: ")]
    assert classic[:3] == [
        "tcpserver: status: 0/40",
        "tcpserver: status: 1/40",
        f"tcpserver: pid {pid} from 127.0.0.1",
    ]
    assert classic[3].startswith(f"tcpserver: ok {pid} 0:127.0.0.1:{served.port} ")
    assert classic[4:] == [f"tcpserver: end {pid} status 0", "tcpserver: status: 0/40"]
    assert objects(lines)[2]["names_ms"] >= 0


def test_limit_that_denied_and_rules_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with serving(tmp_path, ["-vHRl0", "--log", "json", "--per-ip", "1"], ["cat"]) as served:
        with hold(served), served.connect() as client:
            assert read_all(client) == b""
        lines = served.wait_for(ended(1))
        assert [line["reason"] for line in objects(lines) if line["event"] == "deny"] == ["per-ip 2/1"]
    with serving(tmp_path, ["-HRl0", "--log", "json", "-x", "missing"], ["cat"]) as served:
        with served.connect() as client:
            assert read_all(client) == b""
        lines = served.wait_for(lambda lines: len(lines) == 1)
        assert objects(lines)[0]["reason"] == "unable to read missing: file does not exist"


def buffered(pipe: IO[bytes]) -> int:
    """Return how many bytes wait in a pipe."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe.fileno(), termios.FIONREAD, count)
    return count[0]


def test_full_pipe_blocks_and_no_line_is_lost(tmp_path: Path) -> None:
    command = [*COMMAND, "-1vHRl0", "--log", "json", "-x", "none", "127.0.0.1", "0", "true"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, env=ENVIRONMENT, cwd=tmp_path)
    assert process.stdout is not None
    assert process.stderr is not None
    log = process.stderr
    try:
        fcntl.fcntl(log.fileno(), fcntl.F_SETPIPE_SZ, 4096)
        place = ("127.0.0.1", int(process.stdout.readline()))
        clients = [socket.create_connection(place, timeout=PATIENCE) for _ in range(20)]
        wait_for(lambda: buffered(log) >= 3500, "a full log")
        clients[-1].setblocking(False)
        with pytest.raises(BlockingIOError):  # its turn has not come
            clients[-1].recv(1)
        dropped: list[int] = []
        while len(dropped) < len(clients):
            for line in objects([process.stderr.readline().decode()]):
                dropped += [line["connection"]] if line["event"] == "drop" else []
        assert dropped == list(range(1, len(clients) + 1))
        for client in clients:
            client.close()
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)


def test_status_file_shows_who_is_there_and_goes_with_the_server(tmp_path: Path) -> None:
    status = tmp_path / "status"
    with serving(tmp_path, ["-HRl0", "--status-file", "status"], ["cat"]) as served:
        found = read_status(status, lambda found: True)
        assert found["pid"] == served.process.pid
        assert found["listeners"] == [f"127.0.0.1:{served.port}"]
        client = hold(served)
        found = read_status(status, lambda found: found["children"] == 1)
        (one,) = found["connections"]
        assert one["remote_port"] == client.getsockname()[1]
        assert os.path.exists(f"/proc/{one['pid']}")
        client.close()
        assert read_status(status, lambda found: found["ended"] == 1)["connections"] == []
        assert served.stop() == 0
        assert not status.exists()


def test_status_signal_writes_it_on_demand_and_the_handler_gets_the_default(tmp_path: Path) -> None:
    status = tmp_path / "status"
    show = ["sh", "-c", "grep -E '^Sig(Ign|Cgt)' /proc/$$/status; cat"]
    options = ["-HRl0", "--status-file", "status", "--status-signal=USR1", "--drain", "60"]
    with serving(tmp_path, options, show) as served:
        assert read_status(status, lambda found: True)["children"] == 0
        client = served.connect()
        bit = 1 << (signal.SIGUSR1 - 1)
        said = client.recv(100)
        assert not any(int(line.split()[1], 16) & bit for line in said.splitlines())
        served.process.send_signal(signal.SIGUSR1)
        assert read_status(status, lambda found: found["children"] == 1)["accepted"] == 1
        client.close()
        assert served.stop() == 0
        assert not status.exists()


def test_status_file_that_cannot_be_written_is_one_line_and_stops_nobody(tmp_path: Path) -> None:
    with serving(tmp_path, ["-HRl0", "--status-file", "no/where"], ["echo", "served"]) as served:
        for _ in range(3):
            with served.connect() as client:
                assert read_all(client) == b"served\n"
        assert served.stop() == 0
        assert served.lines() == ["tcpserver: warning: unable to write no/where: file does not exist"]


@pytest.mark.parametrize(
    "options",
    [
        ["--log", "xml"],
        ["--log="],
        ["--status-file="],
        ["--status-signal", "USR1"],
        ["--status-file", "x", "--status-signal", "TERM"],
    ],
)
def test_options_that_make_no_sense_are_refused(options: list[str]) -> None:
    command = [*COMMAND, *options, "127.0.0.1", "0", "true"]
    done = subprocess.run(command, capture_output=True, env=ENVIRONMENT, timeout=PATIENCE)
    assert (done.returncode, done.stderr.count(b"\n")) == (100, 1)
