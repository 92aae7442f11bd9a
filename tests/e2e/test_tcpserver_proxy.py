"""Behind a balancer: from its header on, the client is who the header says."""

import json
import signal
import socket
from pathlib import Path

import pytest

from tests.support.balanced import (
    BARE,
    PID,
    SHOW,
    TRUST,
    UID,
    V1,
    ask,
    connect_unix,
    judge,
    reasons,
    refused,
    shown,
    talk,
)
from tests.support.patience import wait_for
from tests.support.processes import processor_time
from tests.support.proxy_headers import Captured, binary, captured
from tests.support.serving import Served, hold, read_all, serving

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(3)]

DATA = b"EHLO\0\r\nPROXY TCP4 \xff"
LOCAL = binary(b"", command=0x20, family=0)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> "object":
    with serving(tmp_path_factory.mktemp("proxy"), TRUST, SHOW, command=BARE) as running:
        yield running


@pytest.mark.parametrize("sent", captured(), ids=lambda sent: f"{sent.row} {sent.sender}")
def test_header_of_a_real_sender_means_what_it_meant(served: Served, sent: Captured) -> None:
    if sent.is_malformed:
        before = len(reasons(served))
        assert ask(served, sent.header) == ({}, b"")
        wait_for(lambda: len(reasons(served)) > before, "a line")
        return
    variables, data = ask(served, sent.header + DATA)
    assert data == DATA
    assert variables["TCPPROXYIP"] == "127.0.0.1"
    remote_ip, remote_port = variables["TCPREMOTEIP"], variables["TCPREMOTEPORT"]
    local = f"{variables['TCPLOCALIP']} {variables['TCPLOCALPORT']}"
    if sent.meaning == "peer":
        assert (remote_ip, remote_port) == ("127.0.0.1", variables["TCPPROXYPORT"])
        assert local == f"127.0.0.1 {served.port}"
    else:
        assert f"{remote_ip} {remote_port} {local}" == sent.meaning
        assert remote_port != variables["TCPPROXYPORT"]
    assert variables["PROTO"] == ("TCP6" if ":" in remote_ip else "TCP")


def test_environment_is_that_of_the_client_and_has_the_balancer_beside_it(tmp_path: Path) -> None:
    old = [
        "TCPPROXYIP=9",
        "TCPPROXYOLD=9",
        "SSL_CIPHER=9",
        "SSL_CERT_FILE=9",
        "PROXY_UNIQUE_ID=9",
        "TCP6REMOTEIP=9",
    ]
    command = [*BARE[:4], *old, *BARE[4:]]
    with serving(tmp_path, TRUST, SHOW, command=command) as served:
        client = served.connect()
        port = client.getsockname()[1]
        variables, data = shown(talk(client, V1))
        assert data == b""
        assert variables == {
            "PROTO": "TCP",
            "TCPLOCALHOST": "0",
            "TCPLOCALIP": "198.51.100.2",
            "TCPLOCALPORT": "25",
            "TCPREMOTEIP": "192.0.2.1",
            "TCPREMOTEPORT": "4000",
            "TCPPROXYIP": "127.0.0.1",
            "TCPPROXYPORT": str(port),
        }
        variables, _ = ask(served, next(sent.header for sent in captured() if sent.row == "57"))
        assert variables["SSL_PROTOCOL"] == "TLSv1.3"
        assert variables["SSL_TLS_SNI_SERVERNAME"] == "srv.example"
        assert variables["PROXY_UNIQUE_ID"]
        assert "SSL_PEER_CERT_CN" not in variables
        served.wait_for(lambda lines: lines[-1] == "tcpserver: status: 0/40")
        assert "tcpserver: ok {} 0:198.51.100.2:25 :192.0.2.1::4000" in [
            " ".join([*line.split(" ")[:2], "{}", *line.split(" ")[3:]]) for line in served.lines()
        ]


def test_ip6_header_on_an_ip4_socket_has_both_kinds_of_variables(tmp_path: Path) -> None:
    with serving(tmp_path, TRUST, SHOW, command=BARE) as served:
        variables, _ = ask(served, b"PROXY TCP6 2001:DB8:0::1 192.0.2.9 65535 0\r\n")
        assert (variables["PROTO"], variables["TCPREMOTEIP"]) == ("TCP6", "2001:db8::1")
        assert (variables["TCP6REMOTEIP"], variables["TCP6REMOTEPORT"]) == ("2001:db8::1", "65535")
        assert (variables["TCPLOCALIP"], variables["TCP6LOCALIP"]) == ("192.0.2.9", "::ffff:192.0.2.9")
        variables, _ = ask(served, b"PROXY TCP6 ::ffff:192.0.2.1 ::FFFF:c000:0202 1 2\r\n")
        assert (variables["PROTO"], variables["TCPREMOTEIP"]) == ("TCP", "192.0.2.1")
        assert variables["TCPLOCALIP"] == "192.0.2.2"


def test_header_of_anybody_else_is_data_and_nobody_is_trusted_by_default(tmp_path: Path) -> None:
    with serving(tmp_path, TRUST, SHOW, command=BARE) as served:
        variables, data = shown(talk(served.connect("127.0.0.2"), V1, b"x"))
        assert (variables["TCPREMOTEIP"], data) == ("127.0.0.2", V1 + b"x")
        assert "TCPPROXYIP" not in variables
        with served.connect("127.0.0.2") as silent:  # nobody waits for a header of theirs
            assert silent.recv(6) == b"PROTO="
    command = ["env", "TCPPROXYIP=9", *BARE[2:]]
    with serving(tmp_path, ["-HRl0"], SHOW, command=command) as served:
        variables, data = ask(served, V1)
        assert (variables["TCPREMOTEIP"], data) == ("127.0.0.1", V1)
        assert variables["TCPPROXYIP"] == "9"  # as ever


def test_rules_and_limits_judge_the_client_and_not_the_balancer(tmp_path: Path) -> None:
    options = judge(tmp_path, '192.0.2.1:deny\n127.0.0.1:deny\n192.0.2.7:allow,SSL_CIPHER="mine"\n:allow\n')
    other = V1.replace(b"2.1", b"2.2")
    with serving(tmp_path, [*TRUST, "--per-ip", "1", *options], SHOW, command=BARE) as served:
        assert ask(served, V1) == ({}, b"")
        assert ask(served, b"PROXY UNKNOWN\r\n") == ({}, b"")
        with served.connect() as first:
            first.sendall(other)
            assert first.recv(1) == b"P"
            assert ask(served, other) == ({}, b"")
            assert ask(served, V1.replace(b"2.1", b"2.7"))[0]["SSL_CIPHER"] == "mine"
        pid = served.process.pid
        lines = served.wait_for(lambda lines: lines[-1] == "tcpserver: status: 0/40" and len(lines) > 20)
        assert [
            "tcpserver: status: 1/40",
            f"tcpserver: pid {pid} from 192.0.2.1",
            f"tcpserver: deny {pid} 0:198.51.100.2:25 :192.0.2.1::4000",
            f"tcpserver: end {pid} status 25600",
            "tcpserver: status: 0/40",
        ] == lines[1:6]
        assert sum(" per-ip 2/1" in line for line in lines) == 1


def test_json_and_the_status_file_have_client_and_balancer(tmp_path: Path) -> None:
    status = tmp_path / "status"
    options = [*TRUST, "--log", "json", "--status-file", str(status), "--timeout-proxy", "300"]
    tls = next(sent.header for sent in captured() if sent.row == "57")
    with serving(tmp_path, options, ["cat"]) as served, served.connect() as half:
        half.sendall(V1[:10])
        with served.connect() as client:
            client.sendall(tls + b"x")
            assert client.recv(1) == b"x"

            def is_told() -> bool:
                told = json.loads(status.read_text()) if status.exists() else {}
                return told.get("pending") == 1 and told["connections"] != []

            wait_for(is_told, "a file that has both")
            told = json.loads(status.read_text())
            (one,) = told["connections"]
            assert told["children"] == 1
            assert (one["remote_ip"], one["proxy_ip"]) == ("127.0.0.2", "127.0.0.1")
            assert one["proxy_port"] == client.getsockname()[1]
        served.wait_for(lambda lines: any('"event":"end"' in line for line in lines))
        half.shutdown(socket.SHUT_WR)
        served.wait_for(lambda lines: any('"event":"drop"' in line for line in lines))
        lines = [json.loads(line) for line in served.wait_for(lambda lines: len(lines) == 6)]
        events = {line["event"]: line for line in lines}
        assert events["ok"]["proxy_unique_id"]
        assert events["end"]["proxy_ip"] == "127.0.0.1"
        assert (events["drop"]["remote_ip"], events["drop"]["children"]) == ("127.0.0.1", 0)
        assert "10 bytes" in events["drop"]["reason"]


def test_balancer_on_a_unix_domain_socket(tmp_path: Path) -> None:
    with serving(tmp_path, [*TRUST, "--listen", "unix:./s"], SHOW, command=BARE):
        path = tmp_path / "s"
        variables, data = shown(talk(connect_unix(path), V1 + b"x"))
        assert data == b"x"
        assert (variables["TCPPROXYIP"], variables["TCPPROXYPORT"]) == (f"unix.{UID}", str(PID))
        assert (variables["PROTO"], variables["TCPREMOTEIP"]) == ("TCP", "192.0.2.1")
        assert not [name for name in variables if name.startswith("UNIX")]
        variables, _ = shown(talk(connect_unix(path), b"PROXY TCP4 192.0.2.1 unix:/s 1 0\r\n"))
        assert variables["TCPREMOTEIP"] == "192.0.2.1"
        assert not {"TCPLOCALIP", "TCPLOCALPORT"} & set(variables)
        variables, _ = shown(talk(connect_unix(path), LOCAL))
        assert (variables["PROTO"], variables["UNIXREMOTEEUID"]) == ("UNIX", str(UID))
        assert variables["TCPPROXYIP"] == f"unix.{UID}"
    with serving(tmp_path, ["-HRl0", "--proxy-from", "0.0.0.0/0", "--listen", "unix:./s"], SHOW):
        assert shown(talk(connect_unix(path), V1))[1] == V1  # the word unix is missing


def test_health_check_gets_no_handler_where_that_is_asked_for(tmp_path: Path) -> None:
    with serving(tmp_path, [*TRUST, "--proxy-local", "close"], ["cat"]) as served:
        with served.connect() as check:
            check.sendall(LOCAL)
            assert read_all(check) == b""
        with served.connect() as check:  # in pieces, so it has waited
            check.sendall(LOCAL[:5])
            check.sendall(LOCAL[5:])
            assert read_all(check) == b""
        assert talk(served.connect(), b"PROXY UNKNOWN\r\nx") == b"x"
        served.wait_for(lambda lines: lines[-1] == "tcpserver: status: 0/40" and len(lines) > 3)
        checks = [line for line in served.lines() if "health" in line]
        assert checks == ["tcpserver: health check from 127.0.0.1"] * 2
        assert sum(" ok " in line for line in served.lines()) == 1
    with serving(tmp_path, TRUST, ["cat"]) as served:
        assert talk(served.connect(), LOCAL, b"x") == b"x"


def test_client_without_its_header_holds_no_place_and_a_known_one_waits_for_one(tmp_path: Path) -> None:
    with serving(tmp_path, [*TRUST, "-c1", "--timeout-proxy", "300"], ["cat"]) as served:
        halves = [served.connect() for _ in range(3)]
        for half in halves:
            half.sendall(V1[:20])
        with served.connect() as first:
            first.sendall(V1 + b"x")
            assert first.recv(1) == b"x"
            for half in halves:  # known now, but there is no room
                half.sendall(V1[20:] + b"y")
            wait_for(lambda: _unread(served) == 0, "all headers to be read")
            assert sum(" ok " in line for line in served.lines()) == 1
        for half in halves:
            assert half.recv(1) == b"y"
            half.close()
        lines = served.wait_for(lambda lines: sum(" end " in line for line in lines) == 4)
        assert not [line for line in lines if "status: 2/1" in line]


def _unread(served: Served) -> int:
    """Return how many connections of a server have more than one byte that it has not read."""
    at, unread = f":{served.port:04X}", 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(at) and fields[3] == "01":
            unread += int(fields[4].partition(":")[2], 16) > 1
    return unread


@pytest.mark.parametrize("rest", [V1[20:] + b"x", b""], ids=["whole", "half"])
def test_drain_waits_for_the_header_of_a_client_that_had_connected(tmp_path: Path, rest: bytes) -> None:
    seconds = "300" if rest else "1"
    with serving(tmp_path, [*TRUST, "--drain", seconds, "--timeout-proxy", "300"], ["cat"]) as served:
        with served.connect() as client:
            client.sendall(V1[:20])
            hold(served, "127.0.0.2").close()  # it has been accepted after the other one
            served.process.send_signal(signal.SIGTERM)
            served.wait_for(lambda lines: any("draining" in line for line in lines))
            client.sendall(rest)
            if rest:
                assert client.recv(1) == b"x"
            else:
                assert read_all(client) == b""
        assert served.process.wait(60) == 0
        assert reasons(served) == ([] if rest else ["the server is ending"])


def test_warnings_of_trust_and_of_addresses_that_are_none_come_once(tmp_path: Path) -> None:
    with serving(tmp_path, ["-HRl0", "--proxy-from", "10.0.0.0/8,0.0.0.0/0,::/0"], ["cat"]) as served:
        for _ in range(2):
            assert talk(served.connect(), b"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", b"x") == b"x"
        said = served.lines()
        assert [line for line in said if "everybody" in line] == [
            "tcpserver: warning: --proxy-from 0.0.0.0/0 lets everybody claim any address",
            "tcpserver: warning: --proxy-from ::/0 lets everybody claim any address",
        ]
        assert sum("the client's address is 0.0.0.0" in line for line in said) == 1
        assert len(said) == 3


@pytest.mark.parametrize(
    "options",
    [
        *(["--proxy-from", ""], ["--proxy-from", "10.0.0.1/8"], ["--proxy-from", "localhost"]),
        *(["--timeout-proxy", "1"], ["--proxy-max", "100"], ["--proxy-local", "close"], ["--pending", "0"]),
        *(["--proxy-from=::1", "--timeout-proxy=0"], ["--proxy-from=::1", "--timeout-proxy=x"]),
        *(["--proxy-from=::1", "--proxy-max=15"], ["--proxy-from=::1", "--proxy-max=65552"]),
        *(["--proxy-from=::1", "--proxy-local=serve"], ["--proxy-from=::1", "--proxy-local="]),
    ],
    ids=" ".join,
)
def test_option_that_makes_no_sense_is_refused_in_a_line(options: list[str]) -> None:
    code, said = refused(options)
    assert (code, said.count(b"\n")) == (100, 1)
    assert said.startswith(
        b"tcpserver: fatal: --p" if b"timeout" not in said else b"tcpserver: fatal: --timeout-"
    )


def test_half_a_header_wakes_nobody(tmp_path: Path) -> None:
    with serving(tmp_path, [*TRUST, "--timeout-proxy", "2"], ["cat"]) as served, served.connect() as half:
        half.sendall(V1[:20])
        hold(served, "127.0.0.2").close()
        before = processor_time(served.process.pid)
        assert read_all(half) == b""
        assert processor_time(served.process.pid) - before < 0.5  # a poll that spins takes two seconds
        wait_for(lambda: reasons(served), "a line")
        assert reasons(served) == ["only 20 bytes of a PROXY header came from 127.0.0.1 in 2 seconds"]
