"""tcpclient with real servers: IPv4, IPv6, Unix sockets, and a pair with our tcpserver."""

import os
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from tests.support.commands import ours
from tests.support.patience import PATIENCE
from tests.support.serving import ENVIRONMENT, serving

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(3)]

COMMAND = ours("tcpclient")
SHOW = ["sh", "-c", "cat <&6; env | grep -E '^(PROTO|TCP|UNIX)' | sort"]


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *arguments], input=stdin, capture_output=True, timeout=PATIENCE, env=ENVIRONMENT
    )


def names(output: bytes) -> list[str]:
    return [line.partition("=")[0] for line in output.decode().splitlines() if "=" in line]


def test_client_and_server_see_each_other(tmp_path: Path) -> None:
    with serving(tmp_path, ["-RHl0"], ["sh", "-c", "echo $TCPREMOTEIP $TCPREMOTEPORT"]) as served:
        show = ["sh", "-c", "cat <&6; echo $TCPLOCALIP $TCPLOCALPORT $TCPREMOTEIP $TCPREMOTEPORT"]
        done = run("-RHl0", "-i", "127.0.0.7", "127.0.0.1", str(served.port), *show)
    there, here = done.stdout.decode().splitlines()
    assert here == f"{there} 127.0.0.1 {served.port}"


def test_ip6_server_gives_the_variables_of_ip6(tmp_path: Path) -> None:
    with serving(tmp_path, ["-RHl0"], ["echo", "hi"], host="::1") as served:
        done = run("-vRHl0", "[::1]", str(served.port), *SHOW)
    assert (done.returncode, done.stderr) == (0, b"tcpclient: connected to ::1 port %d\n" % served.port)
    lines = done.stdout.decode().splitlines()
    assert lines[0] == "hi"
    assert {"PROTO=TCP6", "TCPREMOTEIP=::1", "TCP6REMOTEIP=::1"} <= set(lines)
    assert f"TCP6REMOTEPORT={served.port}" in lines


def test_both_kinds_of_addresses_of_a_name_are_tried(tmp_path: Path) -> None:
    with serving(tmp_path, ["-RHl0"], ["echo", "hi"]) as served:
        done = run("-RHl0", "localhost", str(served.port), "sh", "-c", "cat <&6")
    assert (done.returncode, done.stdout) == (0, b"hi\n")


def test_unix_socket_has_variables_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer() -> None:
            with listener.accept()[0] as connection:
                connection.sendall(connection.recv(100))

        server = threading.Thread(target=answer)
        server.start()
        show = ["sh", "-c", "echo ping >&7; cat <&6; env | grep -E '^(PROTO|TCP|UNIX)' | sort; echo $$"]
        done = run("-v", f"unix:{path}", "0", *show)
        server.join(PATIENCE)
    first, *lines, pid = done.stdout.decode().splitlines()
    assert (first, done.stderr.decode()) == ("ping", f"tcpclient: connected to unix:{path}\n")
    assert lines == sorted(
        [
            *("PROTO=UNIX", f"UNIXLOCALPATH={path}", f"UNIXLOCALUID={os.getuid()}"),
            *(f"UNIXLOCALGID={os.getgid()}", f"UNIXLOCALPID={pid}", f"UNIXREMOTEPID={os.getpid()}"),
            *(f"UNIXREMOTEEUID={os.geteuid()}", f"UNIXREMOTEEGID={os.getegid()}"),
        ]
    )


@pytest.mark.parametrize(
    ("host", "complaint"),
    [
        ("unix:/nonexistent", b"unable to connect to unix:/nonexistent: file does not exist\n"),
        ("unix:DIR/plain", b"unable to connect to unix:DIR/plain: connection refused\n"),
        ("unix:", b"unable to connect to unix:: invalid argument\n"),
        ("::1::2", b"fatal: no IP address for ::1::2\n"),
        (
            "fe80::1%nosuch",
            b"unable to connect to fe80::1%nosuch port 1: device does not support operation\n",
        ),
        ("[::1", b"fatal: no IP address for [::1\n"),
    ],
)
def test_host_that_cannot_be_reached_is_one_clear_line(host: str, complaint: bytes, tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    host, complaint = host.replace("DIR", str(tmp_path)), complaint.replace(b"DIR", bytes(tmp_path))
    done = run("-RHl0", host, "1", "true")
    assert (done.returncode, done.stdout, done.stderr) == (111, b"", b"tcpclient: " + complaint)


def test_interrupt_ends_it_while_it_connects() -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.2", 0))
        full.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        command = [*COMMAND, "-v", "127.0.0.9.127.0.0.2", str(full.getsockname()[1]), "true"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, env=ENVIRONMENT) as client:
            assert client.stderr is not None
            assert client.stderr.readline().endswith(b"connection refused\n")
            client.send_signal(2)
            assert client.wait(PATIENCE) == -2
            assert client.stderr.read() == b""


PROXIED = {"PROTO": "TCP", "TCPREMOTEIP": "192.0.2.1", "TCPREMOTEPORT": "40000"} | {
    "TCPLOCALIP": "192.0.2.2",
    "TCPLOCALPORT": "80",
}
V1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\r\n"


def test_header_is_sent_before_anything_is_looked_up() -> None:
    """A server waits for the header, not for the ident server of its own host."""
    ip = "127.113.3.8"
    try:
        identd = socket.create_server((ip, 113))
    except PermissionError:
        pytest.skip("port 113 is for root")
    with identd, socket.create_server((ip, 0)) as server:
        server.settimeout(PATIENCE)
        to = [ip, str(server.getsockname()[1])]
        command = [*COMMAND, "-Hl0", "-t", "10000", "--proxy=v1", *to, "sh", "-c", "printf x >&7"]
        with subprocess.Popen(command, env=ENVIRONMENT | PROXIED, stdin=subprocess.DEVNULL) as process:
            with server.accept()[0] as connection:
                connection.settimeout(PATIENCE)
                assert connection.recv(len(V1), socket.MSG_WAITALL) == V1
                identd.accept()[0].close()
                assert connection.recv(100) == b"x"
            assert process.wait(PATIENCE) == 0


def test_program_has_the_variables_of_its_own_connection(tmp_path: Path) -> None:
    with serving(tmp_path, ["-RHl0"], ["cat"]) as served:
        command = ["-RHl0", "--proxy", "v1", "127.0.0.1", str(served.port)]
        show = ["sh", "-c", f"head -c{len(V1)} <&6; echo $PROTO $TCPREMOTEIP $TCPREMOTEPORT"]
        done = subprocess.run(
            [*COMMAND, *command, *show], env=ENVIRONMENT | PROXIED, capture_output=True, timeout=PATIENCE
        )
    assert done.stdout == V1 + b"TCP 127.0.0.1 %d\n" % served.port


@pytest.mark.parametrize("value", ["", "1", "v3", "V1", "x" * 1000])
def test_proxy_version_that_is_none_is_refused(value: str) -> None:
    done = run("--proxy", value, "127.0.0.1", "1", "true")
    said = f"tcpclient: fatal: --proxy wants v1 or v2, not {value[:100] or 'nothing'}\n"
    assert (done.returncode, done.stderr.decode()) == (100, said)


def test_client_that_is_there_in_part_is_refused_before_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [*COMMAND, "--proxy", "v2", "127.0.0.1", str(server.getsockname()[1]), "true"]
        done = subprocess.run(
            command,
            env=ENVIRONMENT | PROXIED | {"TCPREMOTEPORT": "x"},
            capture_output=True,
            timeout=PATIENCE,
        )
        said = b"tcpclient: fatal: unable to make a PROXY header: TCPREMOTEPORT is no port: x\n"
        assert (done.returncode, done.stderr) == (100, said)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
