"""Clients, and handlers, of `tcpserver --tls` that do what they should not."""

import os
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE, wait_for
from tests.support.processes import descriptors, processor_time, status
from tests.support.serving import Served, read_all, serving
from tests.support.tlsworld import half_close, processes, read_to_end, say_end, secured, trusting

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(3)]

HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
SLEEP = ["sleep", "1000"]


@contextmanager
def sleeping(folder: Path, options: list[str]) -> Iterator[Served]:
    """Run a server whose handlers read and write nothing, and end these too."""
    with serving(folder, options, SLEEP) as served:
        try:
            yield served
        finally:
            for line in served.lines():
                if line.startswith("tcpserver: ok "):
                    end_handler(int(line.split()[2]))


def end_handler(pid: int) -> None:
    """Kill a handler, if it is still there."""
    try:
        if status(pid).get("Name") == "sleep":
            os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


@pytest.fixture
def echo(tmp_path: Path, with_tls: list[str]) -> Iterator[Served]:
    with serving(tmp_path, with_tls, ["cat"]) as served:
        yield served


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def is_dropped(served: Served, reason: str) -> None:
    line = "tcpserver: warning: dropping connection, " + reason
    served.wait_for(lambda lines: line in lines)


def works(served: Served, pem: Path) -> None:
    client = secured(served, trusting(pem))
    client.sendall(b"x")
    assert client.recv(1) == b"x"
    client.close()


def tls_of(served: Served) -> int:
    (pid,) = processes(served, "tcpserver-tls")
    return pid


def rests(pid: int) -> None:
    """See that a process that has nothing to do does nothing."""
    before = processor_time(pid)
    time.sleep(0.5)  # what is measured is this time
    assert processor_time(pid) - before < 0.2


@pytest.mark.parametrize("sent", [b"", HELLO[:3], HELLO + b"x" * 200])
def test_who_sends_no_whole_hello_is_dropped_in_time(
    tmp_path: Path, with_tls: list[str], pem: Path, sent: bytes
) -> None:
    with serving(tmp_path, [*with_tls, "--timeout-tls", "1"], ["cat"]) as served:
        client = served.connect()
        client.sendall(sent)
        assert read_all(client) == b""
        is_dropped(served, "no TLS handshake with 127.0.0.1 was done in 1 seconds")
        works(served, pem)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"GET / HTTP/1.0\r\n\r\n", "http request"),
        (b"EHLO there\r\n" * 20, "wrong version number"),
        (os.urandom(1) and b"\xff" * 5000, "wrong version number"),
        (HELLO + bytes(508), "length mismatch"),
        (b"", "the client has closed the connection"),
        (HELLO, "the client has closed the connection"),
    ],
)
def test_garbage_is_refused_with_a_reason(echo: Served, pem: Path, sent: bytes, reason: str) -> None:
    client = echo.connect()
    client.sendall(sent)
    client.shutdown(socket.SHUT_WR)
    read_all(client)
    is_dropped(echo, "TLS with 127.0.0.1: " + reason)
    works(echo, pem)


@pytest.mark.parametrize("when", ["at once", "in the hello", "after the handshake", "while served"])
def test_reset_in_each_phase_harms_nobody(echo: Served, pem: Path, when: str) -> None:
    tls = tls_of(echo)
    may_look = os.geteuid() == 0  # nobody else may look into a process that has keys
    before = descriptors(tls) if may_look else 0
    for _ in range(5):
        if when in ("at once", "in the hello"):
            client = echo.connect()
            if when == "in the hello":
                client.sendall(HELLO)
            reset(client)
        else:
            client = secured(echo, trusting(pem))
            if when == "while served":
                client.sendall(b"x" * 1000)
                client.recv(1)
            reset(client)
    works(echo, pem)
    wait_for(lambda: not may_look or descriptors(tls) == before, "all of them to be closed")
    echo.wait_for(lambda lines: lines[-1] == "tcpserver: status: 0/40")
    assert tls_of(echo) == tls
    rests(tls)


def test_silent_clients_hold_places_of_pending_only(tmp_path: Path, with_tls: list[str], pem: Path) -> None:
    with serving(tmp_path, [*with_tls, "-c1", "--pending", "8"], ["cat"]) as served:
        silent = [served.connect(f"127.0.0.{number}") for number in range(2, 10)]
        works(served, pem)  # the oldest of them had to go
        why = "its place is needed: 8 clients are pending (--pending)"
        is_dropped(served, "no TLS handshake with 127.0.0.2 was done, and " + why)
        assert silent[0].recv(1) == b""


def shaking(served: Served, pem: Path, count: int) -> list[ssl.SSLSocket]:
    """Return clients that are connected, and have not begun their handshakes."""
    context = trusting(pem)
    raw = [served.connect() for _ in range(count)]
    wrapped = [
        context.wrap_socket(
            one, server_hostname="localhost", do_handshake_on_connect=False, suppress_ragged_eofs=False
        )
        for one in raw
    ]
    served.wait_for(lambda lines: lines.count("tcpserver: status: 1/1") >= count)
    return wrapped


def test_who_is_done_waits_for_room(tmp_path: Path, with_tls: list[str], pem: Path) -> None:
    with serving(tmp_path, [*with_tls, "-c1"], ["cat"]) as served:
        clients = shaking(served, pem, 3)
        for client in clients:
            client.do_handshake()
            client.sendall(b"y")
        for number, client in enumerate(clients):
            assert client.recv(1) == b"y"
            later = clients[number + 1 :]
            assert not select.select(later, [], [], 0.2)[0] or all(one.pending() == 0 for one in later)
            assert sum(": ok " in line for line in served.lines()) == number + 1
            client.close()


def test_limits_are_looked_at_again_behind_the_handshake(
    tmp_path: Path, with_tls: list[str], pem: Path
) -> None:
    """Both were below the limit when they came."""
    options = [*with_tls, "-c9", "--per-ip", "1", "--limit-message", "too many\r\n"]
    with serving(tmp_path, options, ["cat"]) as served:
        context = trusting(pem)
        raw = [served.connect() for _ in range(2)]
        served.wait_for(lambda lines: lines.count("tcpserver: status: 1/9") >= 2)
        first = context.wrap_socket(raw[0], server_hostname="localhost")
        first.sendall(b"x")
        assert first.recv(1) == b"x"
        second = context.wrap_socket(raw[1], server_hostname="localhost", suppress_ragged_eofs=False)
        assert read_to_end(second) == b"too many\r\n"
        served.wait_for(
            lambda lines: any(": deny " in line and line.endswith("per-ip 2/1") for line in lines)
        )
        third = served.connect()
        assert read_all(third) == b""  # in front of a handshake it would not be understood


def test_client_of_this_machine(tmp_path: Path, with_tls: list[str], pem: Path) -> None:
    with serving(tmp_path, [*with_tls, "--listen", "unix:./socket"], ["cat"]) as served:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(PATIENCE)
        client.connect(str(tmp_path / "socket"))
        secure = trusting(pem).wrap_socket(client, server_hostname="localhost", suppress_ragged_eofs=False)
        secure.sendall(b"x" * 50_000)
        got = 0
        while got < 50_000:
            got += len(secure.recv(65536))
        say_end(secure)
        assert read_to_end(secure) == b""
        works(served, pem)


def test_hundreds_of_handshakes_at_once(tmp_path: Path, with_tls: list[str], pem: Path) -> None:
    with serving(tmp_path, [*with_tls, "-c4"], ["cat"]) as served:
        context = trusting(pem)
        raw = [served.connect() for _ in range(100)]
        clients = []
        for one in raw:
            client = context.wrap_socket(one, server_hostname="localhost", do_handshake_on_connect=False)
            clients.append(client)
        for client in clients:
            client.do_handshake()
            client.sendall(b"x")
            assert client.recv(1) == b"x"
            client.close()
        served.wait_for(lambda lines: lines[-1] == "tcpserver: status: 0/4")


def test_damaged_record_ends_the_connection_and_not_the_server(echo: Served, pem: Path) -> None:
    client = secured(echo, trusting(pem))
    client.sendall(b"x")
    assert client.recv(1) == b"x"
    os.write(client.fileno(), b"\x17\x03\x03\x00\x20" + bytes(32))
    with pytest.raises(ssl.SSLError, match=r"(?i)bad record mac"):
        client.recv(1)
    echo.wait_for(lambda lines: any(line.endswith("status 0") for line in lines))
    works(echo, pem)


def test_renegotiation_is_refused(tmp_path: Path, with_tls: list[str], pem: Path) -> None:
    with serving(tmp_path, with_tls, ["cat"]) as served:
        place = f"127.0.0.1:{served.port}"
        command = ["openssl", "s_client", "-tls1_2", "-connect", place]
        client = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            assert client.stdin is not None
            client.stdin.write(b"R\n")
            client.stdin.flush()
            text, _ = client.communicate(timeout=PATIENCE)
        finally:
            client.kill()
            client.wait()
        assert b"RENEGOTIATING" in text
        assert b"no renegotiation" in text


def test_client_that_reads_nothing_costs_little_and_its_handler_waits(
    tmp_path: Path, with_tls: list[str], pem: Path
) -> None:
    handler = ["sh", "-c", "head -c 20000000 /dev/zero; echo done >>finished"]
    with serving(tmp_path, with_tls, handler) as served:
        works_for = secured(served, trusting(pem))
        assert works_for.recv(1) == b"\0"
        tls = tls_of(served)
        wait_for(lambda: is_steady(tls), "its buffers to be full")
        assert int(status(tls)["VmRSS"].split()[0]) < 60_000
        assert not (tmp_path / "finished").exists()
        rests(tls)
        client_reads = read_to_end(works_for)
        assert len(client_reads) == 20_000_000 - 1


def is_steady(pid: int) -> bool:
    before = processor_time(pid)
    time.sleep(0.3)
    return processor_time(pid) == before


def test_handler_that_reads_nothing_makes_its_client_wait(
    tmp_path: Path, with_tls: list[str], pem: Path
) -> None:
    with sleeping(tmp_path, with_tls) as served:
        client = secured(served, trusting(pem))
        client.setblocking(False)
        sent, deadline = 0, time.monotonic() + PATIENCE
        tls = tls_of(served)
        while time.monotonic() < deadline:
            try:
                sent += client.send(bytes(16384))
            except ssl.SSLWantWriteError:
                if is_steady(tls):
                    break
        assert sent < 40_000_000
        assert int(status(tls)["VmRSS"].split()[0]) < 60_000
        rests(tls)


@pytest.mark.parametrize("end", [half_close, say_end, reset])
def test_nothing_spins_while_a_handler_takes_its_time(
    tmp_path: Path, with_tls: list[str], pem: Path, end: Callable[[ssl.SSLSocket], None]
) -> None:
    with sleeping(tmp_path, with_tls) as served:
        client = secured(served, trusting(pem))
        served.wait_for(lambda lines: any(": ok " in line for line in lines))
        end(client)
        tls = tls_of(served)
        wait_for(lambda: is_steady(tls), "the end to be seen")
        rests(tls)


def test_handler_that_ends_at_once_ends_the_connection_properly(
    tmp_path: Path, with_tls: list[str], pem: Path
) -> None:
    with serving(tmp_path, with_tls, ["true"]) as served:
        for _ in range(5):
            assert read_to_end(secured(served, trusting(pem))) == b""


def test_handler_whose_children_keep_its_output_keeps_the_connection(
    tmp_path: Path, with_tls: list[str], pem: Path
) -> None:
    with serving(tmp_path, with_tls, ["sh", "-c", "(sleep 0.5; echo late) & exit 3"]) as served:
        assert read_to_end(secured(served, trusting(pem))) == b"late\n"
        served.wait_for(lambda lines: any(line.endswith("status 768") for line in lines))


def test_time_limit_ends_handler_and_connection(tmp_path: Path, with_tls: list[str], pem: Path) -> None:
    with sleeping(tmp_path, [*with_tls, "--max-time", "1"]) as served:
        assert read_to_end(secured(served, trusting(pem))) == b""
        served.wait_for(lambda lines: any(line.endswith("status 15") for line in lines))


def test_idle_client_is_found_behind_the_tls_process(tmp_path: Path, with_tls: list[str], pem: Path) -> None:
    with serving(tmp_path, [*with_tls, "--idle-time", "2"], ["cat"]) as served:
        client = secured(served, trusting(pem))
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        assert read_to_end(client) == b""
        served.wait_for(lambda lines: any("idle for 2 seconds" in line for line in lines))


def test_drain_drops_who_is_not_served_and_lets_the_others_finish(
    tmp_path: Path, with_tls: list[str], pem: Path
) -> None:
    with serving(tmp_path, [*with_tls, "--drain", "30"], ["cat"]) as served:
        client = secured(served, trusting(pem))
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        served.process.send_signal(signal.SIGTERM)
        served.wait_for(lambda lines: any("draining" in line for line in lines))
        client.sendall(b"y")
        assert client.recv(1) == b"y"
        say_end(client)
        assert read_to_end(client) == b""
        assert served.process.wait(PATIENCE) == 0


def test_python_without_ssl_is_one_line(tmp_path: Path, pem: Path) -> None:
    """As where Python was built without OpenSSL."""
    script = "import sys; sys.modules['_ssl'] = None\n"
    script += "from ucspi.programs.tcpserver import main; sys.argv[0] = 'tcpserver'; sys.exit(main())"
    command = [
        sys.executable,
        "-c",
        script,
        "-HRl0",
        "--tls",
        "--tls-cert",
        str(pem),
        "127.0.0.1",
        "0",
        "true",
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, env=environment)
    assert done.returncode == 111
    said = b"this Python was built without OpenSSL (it has no module ssl)"
    assert done.stderr == b"tcpserver: fatal: unable to use TLS: " + said + b"\n"
