"""`tcpserver --tls` when descriptors run short, certificates are odd, and processes cannot be made."""

import os
import resource
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE, wait_for
from tests.support.processes import descriptors
from tests.support.serving import COMMAND, Served, serving
from tests.support.tlsworld import certificate, openssl, processes, read_to_end, secured, trusting

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(3)]

# Its keys are in its memory, so nobody else may look into it.
LOOKED_INTO = pytest.mark.skipif(os.geteuid() != 0, reason="only root sees its descriptors")
HTTP = b"GET / HTTP/1.0\r\n\r\n"


@contextmanager
def few_descriptors(pid: int, room: int) -> Iterator[None]:
    """Let a process open so many more descriptors, and no more."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    most = max(map(int, os.listdir(f"/proc/{pid}/fd"))) + 1 + room
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def one(served: Served, name: str) -> int:
    (pid,) = processes(served, name)
    return pid


def works(served: Served, pem: Path) -> None:
    client = secured(served, trusting(pem))
    client.sendall(b"x")
    assert client.recv(1) == b"x"
    client.close()


@LOOKED_INTO
@pytest.mark.parametrize("room", [0, 1, 2])
@pytest.mark.parametrize("pair", [False, True])
def test_descriptors_that_run_out_cost_the_new_client_and_no_other(
    tmp_path: Path, with_tls: list[str], pem: Path, room: int, pair: bool
) -> None:
    with serving(tmp_path, [*with_tls, *["--tls-socketpair"] * pair], ["cat"]) as served:
        bystander = secured(served, trusting(pem))
        bystander.sendall(b"1")
        assert bystander.recv(1) == b"1"
        tls = one(served, "tcpserver-tls")
        with few_descriptors(tls, room):
            try:
                client = secured(served, trusting(pem))
                client.sendall(b"x")
                assert client.recv(1) in (b"", b"x")
            except (ssl.SSLError, ConnectionError):
                pass  # so it is told
        bystander.sendall(b"2")
        assert bystander.recv(1) == b"2"
        works(served, pem)
        assert one(served, "tcpserver-tls") == tls


@LOOKED_INTO
def test_who_has_no_handler_and_stays_is_bounded(tmp_path: Path, with_tls: list[str], pem: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160))

    with serving(tmp_path, [*with_tls, "--pending", "200"], ["cat"], before=limit) as served:
        tls = one(served, "tcpserver-tls")
        clients = []
        for _ in range(130):
            clients.append(served.connect())
            clients[-1].sendall(HTTP)
            clients[-1].recv(1)  # the alert
        assert descriptors(tls) < 70
        works(served, pem)
        for client in clients:
            client.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("authority"), "ca.pem", subject="/CN=authority")


def with_alternative(folder: Path, authority: Path, value: str) -> Path:
    """Make a client's certificate with this subjectAltName."""
    path, key = folder / "client.pem", folder / "client.key"
    settings = folder / "settings"
    settings.write_text(
        f"[req]\ndistinguished_name=d\n[d]\n[v]\nbasicConstraints=CA:FALSE\nsubjectAltName={value}\n"
    )
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    begin = ("req", "-x509", "-config", settings, "-extensions", "v", *curve, "-nodes", "-subj", "/CN=c")
    text = openssl(*begin, "-days", "7", "-CA", authority, "-CAkey", authority, "-keyout", key)
    path.write_bytes(text + key.read_bytes())
    return path


def names(count: int) -> str:
    return ",".join(f"DNS:{'a' * 60}.{number}.test" for number in range(count))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (names(300), None),
        (names(1000), "protocol error"),
        ("DER:3005820361FF62", "the client's certificate: it cannot be read"),
    ],
    ids=["large", "too large", "no text"],
)
def test_odd_certificate_costs_its_client_and_no_other(
    tmp_path: Path, with_tls: list[str], pem: Path, authority: Path, value: str, reason: str | None
) -> None:
    client = with_alternative(tmp_path, authority, value)
    more = ["--tls-client-ca", str(authority), "--tls-client", "optional"]
    with serving(tmp_path, [*with_tls, *more], ["echo", "served"]) as served:
        waiting = served.connect()  # its handshake begins
        started = time.monotonic()
        try:
            answer = read_to_end(secured(served, trusting(pem, client=client)))
        except (ssl.SSLError, ConnectionError):
            answer = b""
        assert answer == (b"" if reason else b"served\n")
        if reason:
            line = f"tcpserver: warning: dropping connection, TLS with 127.0.0.1: {reason}"
            served.wait_for(lambda lines: line in lines)
        assert time.monotonic() - started < PATIENCE
        waiting = trusting(pem).wrap_socket(waiting, server_hostname="localhost")
        assert read_to_end(waiting) == b"served\n"


def kill_tls(served: Served, keeper: int) -> Callable[[], bool]:
    """Kill the TLS process, and return what tells whether there is another."""
    tls = one(served, "tcpserver-tls")
    os.kill(tls, signal.SIGKILL)
    return lambda: bool(set(processes(served, "tcpserver-tls")) - {tls})


def test_process_that_could_not_be_made_is_made_later(tmp_path: Path, with_tls: list[str], pem: Path) -> None:
    with serving(tmp_path, with_tls, ["cat"]) as served:
        works(served, pem)
        keeper = one(served, "tcpserver-keys")
        with few_descriptors(keeper, 0):
            is_there = kill_tls(served, keeper)
            said = "tcpserver: warning: unable to start a TLS process: process cannot open more files"
            served.wait_for(lambda lines: said in lines)
            time.sleep(2.2)  # what is tried again meanwhile fails, too, and is not told again
            assert sum("unable to start a TLS process" in line for line in served.lines()) == 1
        wait_for(is_there, "another TLS process")
        works(served, pem)


def test_renewed_certificate_that_could_not_be_used_at_once_is_used_later(
    tmp_path: Path, with_tls: list[str]
) -> None:
    old = certificate(tmp_path, "mine.pem", "localhost")
    first = old.read_bytes()
    with serving(tmp_path, ["-vHRl0", "--tls", "--tls-cert", "mine.pem"], ["cat"]) as served:
        works(served, old)
        keeper = one(served, "tcpserver-keys")
        kept = tmp_path / "old"
        kept.write_bytes(first)
        with few_descriptors(keeper, 0):
            certificate(tmp_path, "mine.pem", "localhost")
            why = "process cannot open more files; the certificates from before are used"
            said = f"tcpserver: warning: mine.pem: {why}"
            served.wait_for(lambda lines: _visit(served, kept) and said in lines)
        wait_for(lambda: _visit(served, old), "the new certificate")
        assert served.lines().count(said) == 1


def _visit(served: Served, trusted: Path) -> bool:
    """Return whether the server shows a certificate that is trusted."""
    try:
        secured(served, trusting(trusted)).close()
    except (TimeoutError, ssl.SSLError, ConnectionError):
        return False
    return True


def test_name_of_a_file_makes_no_line_of_its_own(tmp_path: Path, pem: Path) -> None:
    folder = tmp_path / "certificates"
    folder.mkdir()
    (folder / "a.pem").write_bytes(pem.read_bytes())
    with serving(tmp_path, ["-vHRl0", "--tls", "--tls-dir", "certificates"], ["cat"]) as served:
        works(served, pem)
        (folder / "b\ntcpserver: ok 1 forged.pem").write_bytes(b"junk")
        said = "tcpserver: warning: certificates/b?tcpserver: ok 1 forged.pem: it has no certificate"
        served.wait_for(lambda lines: _visit(served, pem) and any(line.startswith(said) for line in lines))
        assert "tcpserver: ok 1 forged.pem" not in "\n".join(served.lines()).split("\n")


def test_fifo_for_authorities_is_refused_at_once(tmp_path: Path, with_tls: list[str]) -> None:
    os.mkfifo(tmp_path / "fifo")
    line = [*COMMAND, *with_tls, "--tls-client-ca", "fifo", "127.0.0.1", "0", "cat"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 111
    assert done.stderr.count(b"\n") == 1
    assert b"fifo: not a regular file" in done.stderr


@LOOKED_INTO
def test_bytes_that_nobody_takes_are_no_reason_to_keep_all(
    tmp_path: Path, with_tls: list[str], pem: Path
) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160))

    handler = ["head", "-c", "150000", "/dev/zero"]
    with serving(tmp_path, [*with_tls, "-c2"], handler, before=limit) as served:
        tls = one(served, "tcpserver-tls")
        clients = []
        for _ in range(60):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(PATIENCE)
            client.connect(("127.0.0.1", served.port))
            clients.append(trusting(pem).wrap_socket(client, server_hostname="localhost"))
        wait_for(lambda: descriptors(tls) < 70, "the oldest to be closed")
        for client in clients:
            client.close()
