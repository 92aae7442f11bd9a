"""Limits of one address and of one network, of the command line and of a rule."""

import errno
import json
import re
import subprocess
from pathlib import Path

import pytest

import ucspi.cdb
from tests.support.patience import PATIENCE, wait_for
from tests.support.refusing import refuse
from tests.support.serving import COMMAND, ENVIRONMENT, hold, read_all, serving

pytestmark = pytest.mark.e2e

DROPPING = "tcpserver: warning: dropping connection, "


def test_address_at_its_limit_is_turned_away_and_others_are_not(tmp_path: Path) -> None:
    with serving(tmp_path, ["-vHRl0", "--per-ip", "2"], ["cat"]) as served:
        held = [hold(served, "127.0.0.1") for _ in range(2)] + [hold(served, "127.0.0.2")]
        with served.connect() as third:
            port = third.getsockname()[1]
            assert read_all(third) == b""
        pid = served.process.pid
        lines = served.wait_for(lambda lines: lines[-1:] == ["tcpserver: status: 3/40"] and len(lines) > 12)
        assert lines[-5:] == [
            "tcpserver: status: 4/40",
            f"tcpserver: pid {pid} from 127.0.0.1",
            f"tcpserver: deny {pid} 0:127.0.0.1:{served.port} :127.0.0.1::{port} per-ip 3/2",
            f"tcpserver: end {pid} status 25600",
            "tcpserver: status: 3/40",
        ]
        held.pop(0).close()
        served.wait_for(lambda lines: lines[-1:] == ["tcpserver: status: 2/40"])
        hold(served, "127.0.0.1").close()
        for client in held:
            client.close()


def test_network_at_its_limit_is_told_why(tmp_path: Path) -> None:
    options = ["-vHRl0", "--per-net=1/24/64", "--limit-message", "too many\r\n"]
    with serving(tmp_path, options, ["cat"]) as served:
        with hold(served, "127.0.0.1"), served.connect("127.0.0.9") as second:
            assert read_all(second) == b"too many\r\n"
            hold(served, "127.0.1.1").close()
        served.wait_for(lambda lines: any(line.endswith(" per-net 2/1") for line in lines))


def test_rule_limits_its_own_clients(tmp_path: Path) -> None:
    with ucspi.cdb.create(tmp_path / "r.cdb") as writer:
        writer.add(b"127.0.0.1", b"+MAXCONNIP=1\0+DIEMSG=busy\r\n\0")
        writer.add(b"127.0.0.2", b"+MAXCONNIP=many\0")
    with serving(tmp_path, ["-vHRl0", "-x", "r.cdb"], ["cat"]) as served:
        with hold(served, "127.0.0.1"), served.connect() as second:
            assert read_all(second) == b"busy\r\n"
        served.wait_for(lambda lines: any(line.endswith(" MAXCONNIP 2/1") for line in lines))
        with hold(served, "127.0.0.3"), hold(served, "127.0.0.3"), served.connect("127.0.0.2") as bad:
            assert read_all(bad) == b""
        expected = "tcpserver: warning: dropping connection, the rule's MAXCONNIP is no number"
        served.wait_for(lambda lines: expected in lines)


def test_rule_limits_clients_by_the_names_of_other_servers(tmp_path: Path) -> None:
    with ucspi.cdb.create(tmp_path / "r.cdb") as writer:
        writer.add(b"127.0.0.1", b"+MAXCONNIP=9\0+MAXCONIP=1\0+DIEMSG=busy\r\n\0")
        writer.add(b"127.0.0.2", b"+MAXPERIP=1\0")
    with serving(tmp_path, ["-vHRl0", "-x", "r.cdb"], ["cat"]) as served:
        with hold(served, "127.0.0.1"), served.connect() as second:
            assert read_all(second) == b"busy\r\n"
        with hold(served, "127.0.0.2"), served.connect("127.0.0.2") as second:
            assert read_all(second) == b""
        for said in (" MAXCONIP 2/1", " MAXPERIP 2/1"):
            served.wait_for(lambda lines, said=said: any(line.endswith(said) for line in lines))  # type: ignore[misc]


def test_rule_limits_the_load(tmp_path: Path) -> None:
    with ucspi.cdb.create(tmp_path / "r.cdb") as writer:
        writer.add(b"127.0.0.1", b"+MAXLOAD=0\0+DIEMSG=later\r\n\0")
        writer.add(b"127.0.0.2", b"+MAXLOAD=99999999\0")
        writer.add(b"127.0.0.3", b"+MAXLOAD=3.5\0")
    options = ["-vHRl0", "--log", "both", "--status-file", "status", "-x", "r.cdb"]
    with serving(tmp_path, options, ["cat"]) as served:
        with hold(served, "127.0.0.2"), served.connect() as client:
            assert read_all(client) == b"later\r\n"
        lines = served.wait_for(lambda lines: any("deny" in line and "{" not in line for line in lines))
        said = next(line for line in lines if line.startswith("tcpserver: deny "))
        assert re.search(r" load \d+/0$", said), said
        denied = [json.loads(line) for line in served.lines() if '"event":"deny"' in line]
        assert [event["reason"] for event in denied] == [said[said.index("load ") :]]
        with served.connect("127.0.0.3") as bad:
            assert read_all(bad) == b""
        served.wait_for(lambda lines: DROPPING + "the rule's MAXLOAD is no number" in lines)
        wait_for(lambda: json.loads((tmp_path / "status").read_bytes())["denied"] == 1, "the status file")


def test_client_is_dropped_where_the_load_is_unknown(tmp_path: Path) -> None:
    with ucspi.cdb.create(tmp_path / "r.cdb") as writer:
        writer.add(b"127.0.0.1", b"+MAXLOAD=99999999\0")
    unknown = refuse("sysinfo", errno.EPERM)
    with serving(tmp_path, ["-vHRl0", "-x", "r.cdb"], ["cat"], before=unknown) as served:
        with served.connect() as client:
            assert read_all(client) == b""
        said = DROPPING + "the rule's MAXLOAD cannot be checked, the load average is unknown"
        served.wait_for(lambda lines: said in lines)
        hold(served, "127.0.0.2").close()


def test_when_the_last_slot_is_taken_a_line_says_who_holds_them(tmp_path: Path) -> None:
    with serving(tmp_path, ["-vHRl0", "-c3", "--holders"], ["cat"]) as served:
        clients = [hold(served, source) for source in ("127.0.0.1", "127.0.0.2", "127.0.0.1")]
        assert "tcpserver: full: 127.0.0.1=2 127.0.0.2=1" in served.lines()
        for client in clients:
            client.close()


@pytest.mark.parametrize(
    "option",
    [
        *("--per-ip=x", "--per-ip=", "--per-ip=0"),
        *("--per-net=1/24", "--per-net=1/33/64", "--per-net=x/1/1", "--per-net=0"),
        "--holders=1",
    ],
)
def test_limit_that_makes_no_sense_is_refused(option: str) -> None:
    command = [*COMMAND, option, "127.0.0.1", "0", "true"]
    done = subprocess.run(command, capture_output=True, env=ENVIRONMENT, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (100, b"")
    assert done.stderr.startswith((b"tcpserver: fatal: --per-", b"tcpserver: illegal option -- holders=1\n"))
