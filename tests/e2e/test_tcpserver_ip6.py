"""IPv6, both kinds on one socket, and several listeners in one process."""

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

import ucspi.cdb
from tests.support.oracles import missing
from tests.support.patience import PATIENCE
from tests.support.serving import COMMAND, ENVIRONMENT, read_all, serving
from tests.support.unshared import run_unshared
from ucspi.unix import native

pytestmark = pytest.mark.e2e

SHOW = ["sh", "-c", "env | grep -E '^(PROTO|TCP)' | sort"]
PLAIN = ["-vHRl0"]


def seen(text: bytes) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.decode().splitlines())


def ask(host: str, port: int) -> tuple[dict[str, str], int]:
    """Return what a handler saw, and the client's port."""
    with socket.create_connection((host, port), timeout=PATIENCE) as client:
        return seen(read_all(client)), client.getsockname()[1]


def test_handler_of_an_ip6_client_sees_tcp6(tmp_path: Path) -> None:
    with serving(tmp_path, PLAIN, SHOW, host="::1") as served:
        variables, port = ask("::1", served.port)
    ends = {
        "LOCALIP": "::1",
        "LOCALPORT": str(served.port),
        "LOCALHOST": "0",
        "REMOTEIP": "::1",
        "REMOTEPORT": str(port),
    }
    expected = {f"{prefix}{name}": value for prefix in ("TCP", "TCP6") for name, value in ends.items()}
    assert variables == {"PROTO": "TCP6", **expected}


def test_ip4_client_of_both_is_ip4_and_mapped_in_the_variables_of_ip6(tmp_path: Path) -> None:
    with serving(tmp_path, PLAIN, SHOW, host="::") as served:
        variables, _ = ask("127.0.0.1", served.port)
        assert variables["PROTO"] == "TCP"
        assert (variables["TCPLOCALIP"], variables["TCP6LOCALIP"]) == ("127.0.0.1", "::ffff:127.0.0.1")
        assert (variables["TCPREMOTEIP"], variables["TCP6REMOTEIP"]) == ("127.0.0.1", "::ffff:127.0.0.1")
        assert ask("::1", served.port)[0]["PROTO"] == "TCP6"


def test_lines_can_still_be_split_at_colons(tmp_path: Path) -> None:
    with serving(tmp_path, PLAIN, ["true"], host="::") as served:
        _, port = ask("::1", served.port)
        lines = served.wait_for(lambda lines: lines[-1:] == ["tcpserver: status: 0/40"] and len(lines) > 1)
    pid = lines[2].split()[2]
    assert lines[2] == f"tcpserver: pid {pid} from ::1"
    assert lines[3] == f"tcpserver: ok {pid} 0:??1:{served.port} :??1::{port}"


def test_ip4_listener_has_no_variables_of_ip6(tmp_path: Path) -> None:
    with serving(tmp_path, PLAIN, SHOW) as served:
        assert not [name for name in ask("127.0.0.1", served.port)[0] if name.startswith("TCP6")]


def test_several_listeners_serve_and_share_the_limit(tmp_path: Path) -> None:
    more = ["--listen", "127.0.0.2:0", "--listen=[::1]:0"]
    with serving(tmp_path, ["-v", "-HRl0", "-c2", *more], ["cat"]) as served:
        ports = [served.port, *served.more_ports(2)]
        clients = [
            socket.create_connection(place)
            for place in zip(("127.0.0.1", "127.0.0.2", "::1"), ports, strict=True)
        ]
        for client in clients[:2]:
            client.settimeout(PATIENCE)
            client.sendall(b"x")
            assert client.recv(1) == b"x"
        clients[2].settimeout(0.3)
        clients[2].sendall(b"x")
        with pytest.raises(TimeoutError):
            clients[2].recv(1)
        clients[0].close()
        clients[2].settimeout(PATIENCE)
        assert clients[2].recv(1) == b"x"
        for client in clients:
            client.close()
        served.wait_for(lambda lines: lines[-1:] == ["tcpserver: status: 0/2"])


def test_rules_judge_ip4_clients_of_both_as_ip4(tmp_path: Path) -> None:
    with ucspi.cdb.create(tmp_path / "r.cdb") as writer:
        writer.add(b"127.0.0.1", b"")
        writer.add(b"", b"D\0")
    with serving(tmp_path, [*PLAIN, "-x", "r.cdb"], ["echo", "hi"], host="::") as served:
        for host, text in (("127.0.0.1", b"hi\n"), ("::1", b"")):
            with socket.create_connection((host, served.port), timeout=PATIENCE) as client:
                assert read_all(client) == text


@pytest.mark.parametrize("place", ["127.0.0.1", "::1:80", "[::1:80", "", "[::1]"])
def test_listen_without_address_and_port_is_refused(tmp_path: Path, place: str) -> None:

    done = subprocess.run(
        [*COMMAND, "--listen", place, "127.0.0.1", "0", "true"],
        capture_output=True,
        env=ENVIRONMENT,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout) == (100, b"")
    assert b"--listen wants ADDRESS:PORT" in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("port", ["", "65536", "9" * 5000])
def test_listen_on_a_port_that_is_none_is_refused(port: str) -> None:
    command = [*COMMAND, "--listen", "127.0.0.1:" + port, "127.0.0.1", "0", "true"]
    done = subprocess.run(command, capture_output=True, env=ENVIRONMENT, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (100, b"")
    assert done.stderr == b"tcpserver: fatal: --listen wants a port of at most 65535, not %s\n" % (
        port[:100].encode() or b"nothing"
    )


def test_link_local_client_of_a_global_address_has_its_interface_and_is_asked_for_ident(
    tmp_path: Path,
) -> None:
    if not shutil.which("ip"):
        missing("not installed: ip")
    lines = run_unshared("tests.e2e.link_local", str(tmp_path)).decode().splitlines()
    ways = 1 if native.lib is None else 2
    assert lines[:ways] == [repr((b"fd00::1", b"fe80::55", "link0"))] * ways
    assert lines[ways:] == [
        "TCP6INTERFACE=link0",
        *("TCP6REMOTEINFO=joe", "TCP6REMOTEIP=fe80::55"),
        *("TCPREMOTEINFO=joe", "TCPREMOTEIP=fe80::55"),
    ]
