"""A rate of connections: who comes too often is turned away, and served again by itself."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE, wait_for
from tests.support.serving import COMMAND, ENVIRONMENT, Served, read_all, serving

pytestmark = pytest.mark.e2e

SERVE = ["echo", "served"]


def ask(served: Served, source: str = "127.0.0.1") -> bytes:
    with served.connect(source) as client:
        return read_all(client)


def test_who_comes_too_often_is_turned_away_without_a_process(tmp_path: Path) -> None:
    options = ["-vHRl0", "--rate", "2/3600", "--limit-message", "later\r\n"]
    with serving(tmp_path, options, SERVE) as served:
        assert [ask(served) for _ in range(2)] == [b"served\n"] * 2
        served.wait_for(lambda lines: lines[-1:] == ["tcpserver: status: 0/40"] and len(lines) == 11)
        with served.connect() as third:
            port = third.getsockname()[1]
            assert read_all(third) == b"later\r\n"
        pid = served.process.pid
        assert served.wait_for(lambda lines: len(lines) == 16)[-5:] == [
            "tcpserver: status: 1/40",
            f"tcpserver: pid {pid} from 127.0.0.1",
            f"tcpserver: deny {pid} 0:127.0.0.1:{served.port} :127.0.0.1::{port} rate 2/3600",
            f"tcpserver: end {pid} status 25600",
            "tcpserver: status: 0/40",
        ]
        assert ask(served, "127.0.0.2") == b"served\n"


def test_source_is_served_again_when_its_time_has_come(tmp_path: Path) -> None:
    with serving(tmp_path, ["-vHRl0", "--rate", "2/1,3"], SERVE) as served:
        wait_for(lambda: ask(served) != b"served\n", "a client too many")
        wait_for(lambda: ask(served) == b"served\n", "the source to be served again")
        assert served.stop() == 0


def test_client_that_another_limit_turns_away_does_not_count(tmp_path: Path) -> None:
    options = ["-vHRl0", "--per-ip", "1", "--rate", "2/3600", "--drain", "60"]
    with serving(tmp_path, options, ["cat"]) as served:
        with served.connect() as first:
            first.sendall(b"x")
            assert first.recv(1) == b"x"
            assert [ask(served) for _ in range(5)] == [b""] * 5
        served.wait_for(lambda lines: lines[-1:] == ["tcpserver: status: 0/40"])
        with served.connect() as second:
            second.sendall(b"x")
            assert second.recv(1) == b"x"
            served.process.send_signal(signal.SIGTERM)
            served.wait_for(lambda lines: "tcpserver: draining: 1" in lines)
        assert served.process.wait(PATIENCE) == 0
        assert sum(line.endswith(" per-ip 2/1") for line in served.lines()) == 5


@pytest.mark.parametrize("value", ["", "5", "5/0", "0/5", "5/5,0", "x/5", "5/5,5,5", "99999999999/1"])
def test_rate_that_makes_no_sense_is_refused(value: str) -> None:
    command = [*COMMAND, f"--rate={value}", "127.0.0.1", "0", "true"]
    done = subprocess.run(command, capture_output=True, env=ENVIRONMENT, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (100, b"")
    wanted = b"--rate wants N/SECONDS or N/SECONDS,BURST, numbers from 1 to 2147483647, not "
    assert done.stderr == b"tcpserver: fatal: " + wanted + (value or "nothing").encode() + b"\n"
