"""Sockets of the UNIX domain beside those of TCP."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE
from tests.support.serving import COMMAND, ENVIRONMENT, read_all, serving

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(3)]

UID, PID = os.getuid(), os.getpid()
SHOW = ["sh", "-c", "env | grep -E '^(PROTO|TCP|UNIX)' | sort; echo PID=$$"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s"


def connect(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(PATIENCE)
    client.connect(str(path))
    return client


def ask(path: Path) -> bytes:
    with connect(path) as client:
        return read_all(client)


def run(options: Sequence[str], folder: Path) -> subprocess.CompletedProcess[bytes]:
    command = [*COMMAND, *options, "127.0.0.1", "0", "true"]
    return subprocess.run(command, capture_output=True, env=ENVIRONMENT, timeout=PATIENCE, cwd=folder)


def test_handler_is_told_of_both_ends_and_nothing_of_tcp(tmp_path: Path, path: Path) -> None:
    inherited = ["env", "UNIXREMOTEPID=1", "UNIXREMOTEEUID=1", "TCPREMOTEIP=1.2.3.4", *COMMAND]
    with serving(tmp_path, ["-HRl0", "--listen", "unix:./s"], SHOW, command=inherited) as served:
        local = dict(line.split("=", 1) for line in ask(path).decode().splitlines())
        pid = local.pop("PID")
        assert local == {
            "PROTO": "UNIX",
            "UNIXLOCALPATH": "./s",
            "UNIXLOCALUID": str(UID),
            "UNIXLOCALGID": str(os.getgid()),
            "UNIXLOCALPID": pid,
            "UNIXREMOTEEUID": str(UID),
            "UNIXREMOTEEGID": str(os.getgid()),
            "UNIXREMOTEPID": str(PID),
        }
        with served.connect() as client:
            text = read_all(client)
        assert b"PROTO=TCP\n" in text
        assert b"UNIX" not in text


def test_log_lines_have_the_fields_of_any_other(tmp_path: Path) -> None:
    odd = tmp_path / "a:b c"
    # What asks names and ident is for clients who have an address.
    with serving(tmp_path, ["-v", "-hprDol0", "--listen", f"unix:{odd}"], ["true"]) as served:
        ask(odd)
        lines = served.wait_for(lambda lines: len(lines) == 6)
    pid = lines[2].split()[2]
    shown = str(odd).replace(":", "?").replace(" ", "?").encode()
    shown = shown[:100] + b"..." if len(shown) >= 100 else shown
    assert lines == [
        "tcpserver: status: 0/40",
        "tcpserver: status: 1/40",
        f"tcpserver: pid {pid} from unix.{UID}",
        f"tcpserver: ok {pid} 0:{shown.decode()}:0 :unix.{UID}::{PID}",
        f"tcpserver: end {pid} status 0",
        "tcpserver: status: 0/40",
    ]


def test_json_tells_the_same(tmp_path: Path, path: Path) -> None:
    with serving(tmp_path, ["-vHRl0", "--log=json", "--listen", "unix:./s"], ["true"]) as served:
        ask(path)
        lines = served.wait_for(lambda lines: len(lines) == 4)
    start, _, ok, _ = map(json.loads, lines)
    assert start["listeners"] == [f"127.0.0.1:{served.port}", "unix:./s"]
    assert (ok["local_ip"], ok["remote_ip"], ok["remote_port"]) == ("./s", f"unix.{UID}", PID)


def test_mode_is_as_asked(tmp_path: Path, path: Path) -> None:
    with serving(tmp_path, ["-HRl0", "--listen", "unix:./s,mode=0620"], ["true"]):
        assert path.stat().st_mode & 0o7777 == 0o620


def test_rules_judge_users(tmp_path: Path, path: Path) -> None:
    rules = tmp_path / "rules"
    for text, served_text in (
        (f"unix.{UID}:allow,WHO='me'\nunix.:deny\n:deny\n", b"me\n"),
        ("unix.:allow,WHO='all'\n:deny\n", b"all\n"),
        (f"unix.{UID}:deny\nunix.:allow\n", b""),
        ("127.:allow\n:deny\n", b""),
        ("127.:allow\n=:allow\n", b"\n"),
    ):
        rules.write_text(text)
        options = ["-HRl0", "--rules-text", "rules", "--listen", "unix:./s"]
        with serving(tmp_path, options, ["sh", "-c", "echo $WHO"]):
            assert ask(path) == served_text, text


def test_limits_are_for_each_user(tmp_path: Path, path: Path) -> None:
    options = ["-vHRl0", "--per-ip=1", "--per-net=5", "--rate=2/3600", "--listen", "unix:./s"]
    with serving(tmp_path, options, ["cat"]) as served:
        with connect(path) as held:
            held.sendall(b"x")
            assert held.recv(1) == b"x"
            assert ask(path) == b""
            served.wait_for(lambda lines: any(line.endswith(" per-ip 2/1") for line in lines))
        served.wait_for(lambda lines: lines[-1] == "tcpserver: status: 0/40")
        with connect(path) as second:
            second.sendall(b"x")
            assert second.recv(1) == b"x"
        served.wait_for(lambda lines: lines[-1] == "tcpserver: status: 0/40")
        assert ask(path) == b""
        served.wait_for(lambda lines: any(line.endswith(" rate 2/3600") for line in lines))


@pytest.mark.parametrize(("options", "number"), [([], signal.SIGTERM), (["--signals", "s6"], signal.SIGQUIT)])
def test_file_is_removed_at_the_end(tmp_path: Path, path: Path, options: list[str], number: int) -> None:
    with serving(tmp_path, ["-HRl0", *options, "--listen", "unix:./s"], ["true"]) as served:
        assert path.is_socket()
        served.process.send_signal(number)
        assert served.process.wait(PATIENCE) == 0
        assert not path.exists()


def test_file_is_removed_when_draining_begins(tmp_path: Path, path: Path) -> None:
    options = ["-vHRl0", "--drain", "60", "--listen", "unix:./s"]
    with serving(tmp_path, options, ["cat"]) as served, connect(path) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        served.process.send_signal(signal.SIGTERM)
        served.wait_for(lambda lines: "tcpserver: draining: 1" in lines)
        assert not path.exists()
        with serving(tmp_path, ["-HRl0", "--listen", "unix:./s"], ["true"]):
            client.close()
            assert served.process.wait(PATIENCE) == 0
            assert path.is_socket()  # the next server's, and not removed again
            assert ask(path) == b""


def test_file_of_a_killed_server_is_replaced_and_that_of_a_live_one_is_not(
    tmp_path: Path, path: Path
) -> None:
    options = ["-HRl0", "--listen", "unix:./s"]
    with serving(tmp_path, options, ["true"]) as served:
        served.process.kill()
        served.process.wait(PATIENCE)
        assert path.is_socket()
    with serving(tmp_path, options, ["echo", "served"]):
        done = run(options, tmp_path)
        assert (done.returncode, done.stdout) == (111, b"")
        assert done.stderr == b"tcpserver: fatal: unable to bind unix:./s: address already used\n"
        assert ask(path) == b"served\n"


def test_other_files_are_never_removed(tmp_path: Path, path: Path) -> None:
    path.write_text("precious")
    done = run(["--listen", "unix:./s"], tmp_path)
    assert done.returncode == 111
    assert done.stderr == b"tcpserver: fatal: unable to bind unix:./s: address already used\n"
    assert path.read_text() == "precious"


def test_server_that_cannot_start_leaves_no_file(tmp_path: Path) -> None:
    done = run(["--listen", "unix:./s", "--listen", "unix:./no/s"], tmp_path)
    assert done.returncode == 111
    assert done.stderr == b"tcpserver: fatal: unable to bind unix:./no/s: file does not exist\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "place", ["unix:/" + "x" * 107, "unix:./s,mode=0888", "unix:./s,mod=0660", "unix:./s,"]
)
def test_place_that_makes_no_sense_is_refused(place: str, tmp_path: Path) -> None:
    done = run(["--listen", place], tmp_path)
    assert (done.returncode, done.stdout) == (100, b"")
    assert done.stderr.startswith(b"tcpserver: fatal: --listen unix: wants ")
    assert done.stderr.count(b"\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_socket_that_was_passed_is_served_and_its_file_stays(tmp_path: Path, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as given:
        given.bind(str(path))
        given.listen()
        command = [*COMMAND, "-HRl0", "--listen-fd", "0", "sh", "-c", "echo $PROTO $UNIXLOCALPATH"]
        process = subprocess.Popen(command, stdin=given.fileno(), env=ENVIRONMENT)
        try:
            assert ask(path) == b"UNIX %s\n" % bytes(path)
            process.terminate()
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
            process.wait(PATIENCE)
    assert path.is_socket()


@pytest.mark.skipif(UID != 0, reason="only root can become another user")
def test_other_user_is_judged_as_itself(tmp_path: Path, path: Path) -> None:
    (tmp_path / "rules").write_text("unix.65534:allow\n:deny\n")
    tmp_path.chmod(0o755)
    options = ["-HRl0", "--rules-text", "rules", "--listen", f"unix:{path},mode=0666"]
    ours, theirs = socket.socketpair()
    with serving(tmp_path, options, ["echo", "served"]), ours, theirs:
        assert ask(path) == b""
        child = connect_as(65534, path, theirs)
        assert ours.recv(100) == b"served\n"
        os.waitpid(child, 0)


def connect_as(uid: int, path: Path, report: socket.socket) -> int:
    """Ask as another user; return the pid of the process that does and sends the answer."""
    folder = os.open(path.parent, os.O_RDONLY)  # its parents may be closed to that user
    child = os.fork()
    if child == 0:
        try:
            os.fchdir(folder)
            os.setresuid(uid, uid, uid)
            report.sendall(ask(Path(path.name)) or b"nothing")
        finally:
            os._exit(0)
    os.close(folder)
    return child
