"""Nothing is imported once privileges are dropped, or a program has begun its work.

Each test takes everything that can be imported away, and walks through what can
happen to a program then, as far as it makes a difference to its code.
"""

import os
import resource
import select
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import ucspi.cdb
from tests.e2e.scanning import LOGGER, SLEEPER, Scanning, add
from tests.support.balanced import V1, connect_unix, talk
from tests.support.commands import ENVIRONMENT
from tests.support.hidden_imports import hide, hiding, imported
from tests.support.identd import IdentServer, says
from tests.support.patience import PATIENCE, wait_for
from tests.support.proxy_headers import captured
from tests.support.serving import Served, hold, read_all, serving
from tests.support.tlsworld import certificate, processes, read_to_end, say_end, secured, trusting

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(3)]


def put_rules(path: Path, *rules: tuple[bytes, bytes]) -> None:
    with ucspi.cdb.create(path) as writer:
        for key, data in rules:
            writer.add(key, data)


def count(served: Served, part: str, wanted: int = 1) -> None:
    served.wait_for(lambda lines: sum(part in line for line in lines) >= wanted)


def idle(served: Served) -> None:
    """Wait until nobody is served any more."""

    def is_idle(lines: list[str]) -> bool:
        return [line for line in lines if line.startswith("tcpserver: status: ")][-1].startswith(
            "tcpserver: status: 0/"
        )

    served.wait_for(is_idle)


@pytest.fixture
def ident() -> Iterator[str]:
    """Serve ident, where we may, on an address of our own."""
    place = f"127.{os.getpid() % 250 + 1}.{os.getpid() // 250 % 250 + 1}.9"
    try:
        server = IdentServer(place, says(b"1,2:USERID:UNIX:joe\r\n"))
    except PermissionError:
        pytest.skip("only root may serve ident")
    server.start()
    yield place
    server.close()


FULL = [
    *("-v", "-h", "-p", "-r", "-t2", "-D", "-Bhello\r\n", "-c3", "-x", "rules.cdb", "--holders"),
    *("--per-ip", "2", "--per-net", "3/8/64", "--rate", "1000/1", "--limit-message", "busy\r\n"),
    *(
        "--log",
        "both",
        "--status-file",
        "status",
        "--status-signal",
        "USR1",
        "--drain",
        "60",
        "--signals",
        "s6",
    ),
    *("--listen", "unix:./socket", "--listen", "[::1]:0", "--timeout-names", "20"),
]


def test_server_with_all_options_imports_nothing(tmp_path: Path) -> None:
    rules = tmp_path / "rules.cdb"
    put_rules(rules, (b"127.0.0.2", b"D\0"), (b"127.0.0.3", b"+MAXCONNIP=0\0+DIEMSG=go\0"), (b"", b""))
    command = hiding(tmp_path, "tcpserver")
    with serving(tmp_path, FULL, ["cat"], command=command) as served:
        (port6,) = served.more_ports(1)
        with hold_behind(served) as first, hold_behind(served):
            for source in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):  # limit, denied, limit of the rule
                with served.connect(source) as client:
                    read_all(client)
            count(served, "tcpserver: deny", 3)
            with socket.create_connection(("::1", port6)) as client:
                assert client.recv(10) == b"hello\r\n"
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(tmp_path / "socket"))
                assert client.recv(10) == b"hello\r\n"
            served.process.send_signal(signal.SIGUSR1)
            wait_for(lambda: b"127.0.0.1" in (tmp_path / "status").read_bytes(), "the status file")
            rules.write_bytes(rules.read_bytes()[:-1])  # broken
            with served.connect("127.0.0.4") as client:
                read_all(client)
            count(served, "unable to read rules.cdb: protocol error")
            put_rules(rules, (b"", b"D\0"))
            with served.connect("127.0.0.4") as client:
                read_all(client)
            rules.unlink()
            with served.connect("127.0.0.4") as client:
                read_all(client)
            put_rules(rules, (b"10.0.0.0/8", b"D\0"), (b"", b""))
            served.process.send_signal(signal.SIGHUP)  # ends the handlers
            assert read_all(first) == b""
        idle(served)
        with hold_behind(served):
            served.process.send_signal(signal.SIGTERM)
            count(served, "draining")
            served.process.send_signal(signal.SIGTERM)
            assert served.process.wait(PATIENCE) == 0
    assert imported(tmp_path) == ""


def test_server_with_tls_imports_nothing(tmp_path: Path) -> None:
    own = certificate(tmp_path, "own.pem", "localhost")
    context = trusting(own, client=own)
    (tmp_path / "names").mkdir()
    certificate(tmp_path / "names", "a.pem", "a.example", "*.b.example")
    options = [
        "-v",
        "-h",
        "-R",
        "-l0",
        "-t1",
        "--log",
        "both",
        "--tls",
        "--tls-cert",
        "own.pem",
        "--tls-dir",
        "names",
    ]
    options += [
        "--tls-client-ca",
        "own.pem",
        "--tls-client",
        "optional",
        "--tls-alpn",
        "smtp",
        "--timeout-tls",
        "2",
    ]
    with serving(tmp_path, options, ["cat"], command=hiding(tmp_path, "tcpserver")) as served:
        hide(tmp_path)
        silent = served.connect()
        served.connect().close()
        with served.connect() as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            read_all(client)

        def talk_tls(context: ssl.SSLContext) -> None:
            client = secured(served, context)
            client.sendall(b"x" * 1000)
            assert client.recv(1) == b"x"
            client.recv(999)
            say_end(client)
            read_to_end(client)

        talk_tls(context)
        other = trusting(own)
        other.check_hostname, other.verify_mode = False, ssl.CERT_NONE
        for name in ("a.example", "x.b.example", "xn--e1afmkfd.example"):
            secured(served, other, name).close()
        certificate(tmp_path / "names", "new.pem", "new.example")
        wait_for(lambda: has_new_process(served, other), "new certificates", pause=0.3)
        own.write_bytes(b"none")

        def is_told() -> bool:
            secured(served, other).close()
            return any("it has no certificate" in line for line in served.lines())

        wait_for(is_told, "a line of the unsound file", pause=0.3)
        for tls in processes(served, "tcpserver-tls"):
            os.kill(tls, signal.SIGKILL)
        count(served, "the TLS process has died")
        talk_tls(context)
        assert read_all(silent) == b""
        count(served, "no TLS handshake")
    assert imported(tmp_path) == ""


def has_new_process(served: Served, context: ssl.SSLContext) -> bool:
    client = secured(served, context, "new.example")
    der = client.getpeercert(binary_form=True)
    client.close()
    return der is not None and b"new.example" in der


def test_server_behind_a_balancer_imports_nothing(tmp_path: Path) -> None:
    options = [
        "-v",
        "-h",
        "-R",
        "-l0",
        "--log",
        "both",
        "--proxy-from",
        "127.0.0.1,unix",
        "--proxy-local",
        "close",
    ]
    options += ["--timeout-proxy", "300", "--pending", "100", "--listen", "unix:./socket"]
    with serving(tmp_path, options, ["cat"], command=hiding(tmp_path, "tcpserver")) as served:
        halves = [
            served.connect() for _ in range(60)
        ]  # of which some have to go, and a helper waits for others
        count(served, "half of --pending", 10)
        for sent in captured():
            talk(served.connect(), sent.header, b"x")
        talk(connect_unix(tmp_path / "socket"), V1, b"x")
        talk(served.connect(), b"PROXY TCP4 0.0.0.0 unix: 0 0\r\n", b"x")
        assert talk(halves[-1], V1, b"x") == b"x"
        assert talk(served.connect("127.0.0.2"), b"x") == b"x"
        for half in halves:
            half.close()
        count(served, "health check")
        idle(served)
        assert served.stop() == 0
    assert imported(tmp_path) == ""


def hold_behind(served: Served) -> socket.socket:
    """Hold a connection whose banner has come."""
    client = served.connect()
    assert client.recv(10) == b"hello\r\n"
    client.sendall(b"x")
    assert client.recv(1) == b"x"
    return client


@pytest.mark.parametrize(
    ("options", "end", "code"),
    [
        ([], signal.SIGTERM, 0),
        (["--drain", "0"], signal.SIGTERM, 0),
        (["--signals", "s6"], signal.SIGQUIT, 0),
        (["--signals", "s6", "--log", "json"], signal.SIGABRT, 0),
        ([], signal.SIGHUP, -signal.SIGHUP),
    ],
)
def test_server_ends_without_an_import(
    options: list[str], end: signal.Signals, code: int, tmp_path: Path
) -> None:
    with serving(tmp_path, ["-vl0", *options], ["cat"], command=hiding(tmp_path, "tcpserver")) as served:
        hold(served).close()
        served.process.send_signal(end)
        assert served.process.wait(PATIENCE) == code
        assert "Traceback" not in served.log.read_text()
    assert imported(tmp_path) == ""


def test_server_asks_ident_without_an_import(tmp_path: Path, ident: str) -> None:
    command = hiding(tmp_path, "tcpserver")
    handler = ["printenv", "TCPREMOTEINFO"]
    with serving(tmp_path, ["-vHl0", "-t5"], handler, host="0.0.0.0", command=command) as served:
        with served.connect(ident) as client:
            assert read_all(client) == b"joe\n"
        with served.connect() as client:  # nobody answers there
            read_all(client)
        assert served.stop() == 0
    assert imported(tmp_path) == ""


def test_server_that_becomes_another_user_imports_nothing(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    command = hiding(tmp_path, "tcpserver")
    tmp_path.chmod(0o755)
    with serving(tmp_path, ["-v", "-u65534", "-g65534"], ["id", "-u"], command=command) as served:
        with served.connect() as client:
            assert read_all(client) == b"65534\n"
        assert served.stop() == 0
    assert imported(tmp_path) == ""


def test_text_of_rules_is_read_again_without_an_import(tmp_path: Path) -> None:
    rules = tmp_path / "rules"

    def put(text: bytes) -> None:
        rules.write_bytes(text)
        os.utime(rules, (put.time, put.time))  # type: ignore[attr-defined]
        put.time += 10  # type: ignore[attr-defined]

    put.time = 10  # type: ignore[attr-defined]
    put(b":deny\n")
    options = ["-vHRl0", "--log", "both", "--rules-text", "rules"]
    with serving(tmp_path, options, ["echo", "hi"], command=hiding(tmp_path, "tcpserver")) as served:
        for number, text in enumerate(
            (
                b"10.0.0.0/8:deny\n2001:db8::/32:deny\n127.0.0.1:allow\n:deny",
                b"nonsense\n",
                b'127.0.0.1-5:deny\n127.0.0.1:allow,A="b"\n127.300.:allow\n=HOST:deny\n# remark\n',
                b"x" * 100_000 + b"\n",
                b"127.0.0.1:allow\n" * 2000,
            )
        ):
            put(text)
            with served.connect() as client:
                read_all(client)
            count(served, '"event":"', 2 * number)
            time.sleep(0.05)
        rules.unlink()
        with served.connect() as client:
            read_all(client)
        assert served.stop() == 0
        assert "Traceback" not in served.log.read_text()
    assert imported(tmp_path) == ""


def test_server_meets_the_limits_of_the_system_without_an_import(tmp_path: Path) -> None:
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))

    with serving(
        tmp_path, ["-v", "-R", "-l0"], ["cat"], command=hiding(tmp_path, "tcpserver"), before=few
    ) as served:
        clients = [served.connect() for _ in range(12)]
        for client in clients[:3]:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
        resource.prlimit(served.process.pid, resource.RLIMIT_NOFILE, (4, 12))
        with served.connect():
            count(served, "unable to accept")
        resource.prlimit(served.process.pid, resource.RLIMIT_NOFILE, (12, 12))
        for client in clients:
            client.close()
        served.wait_for(lambda lines: lines[-1] == "tcpserver: status: 0/40")
        assert served.stop() == 0
    assert imported(tmp_path) == ""


def test_server_that_is_out_of_processes_imports_nothing(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become a user with no process")

    def two_processes() -> None:
        resource.setrlimit(resource.RLIMIT_NPROC, (2, 2))

    options = ["-vHRl0", "--log", "both", "-u61238", "-g61238"]
    command = hiding(tmp_path, "tcpserver")
    with serving(tmp_path, options, ["cat"], before=two_processes, command=command) as served:
        with hold(served), served.connect() as dropped:
            assert read_all(dropped) == b""
            count(served, "unable to fork")
        idle(served)
        hold(served).close()
        assert served.stop() == 0
    assert imported(tmp_path) == ""


def test_server_turns_away_whoever_comes_too_often_without_an_import(tmp_path: Path) -> None:
    options = ["-vHRl0", "--rate", "1/3600", "--log", "json"]
    with serving(tmp_path, options, ["echo", "hi"], command=hiding(tmp_path, "tcpserver")) as served:
        for wanted in (b"hi\n", b""):
            with served.connect() as client:
                assert read_all(client) == wanted
        count(served, '"event":"deny"')
        assert served.stop() == 0
    assert imported(tmp_path) == ""


def test_server_that_cannot_run_its_program_imports_nothing(tmp_path: Path) -> None:
    command = hiding(tmp_path, "tcpserver")
    with serving(tmp_path, ["-vHRl0"], ["./missing"], command=command) as served:
        with served.connect() as client:
            assert read_all(client) == b""
        count(served, "unable to run")
        served.wait_for(lambda lines: lines[-1] == "tcpserver: status: 0/40")
        assert served.stop() == 0
    assert imported(tmp_path) == ""


def test_server_whose_log_stalls_imports_nothing(tmp_path: Path) -> None:
    reader, writer = os.pipe2(os.O_NONBLOCK)
    try:
        while True:
            os.write(writer, bytes(4096))
    except BlockingIOError:
        pass
    os.set_blocking(writer, True)
    process = subprocess.Popen(
        [*hiding(tmp_path, "tcpserver"), "-1vHRl0", "127.0.0.1", "0", "echo", "hi"],
        stdout=subprocess.PIPE,
        stderr=writer,
        env=ENVIRONMENT,
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
            time.sleep(0.1)  # it stands in its first line
            os.read(reader, 1 << 20)
            assert read_all(client) == b"hi\n"
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]
        os.close(reader)
        os.close(writer)
    assert imported(tmp_path) == ""


@pytest.mark.slow  # a new service is seen after five seconds
@pytest.mark.parametrize(
    "options",
    [[], ["--in-process"], ["--essential=first"], ["--in-process", "--essential=first"]],
    ids=["processes", "in process", "essential", "essential in process"],
)
def test_svscan_imports_nothing(options: list[str], tmp_path: Path) -> None:
    with Scanning(tmp_path) as scanning:
        add(scanning.scanned, "first", SLEEPER, LOGGER)
        scanning.start([*hiding(tmp_path, "svscan"), *options])
        (first,) = scanning.wait_up("first")
        hide(tmp_path)
        add(scanning.scanned, "second", "#!/bin/sh\necho hi\nexec sleep 1000\n", LOGGER)
        add(scanning.scanned, "third", None)
        add(scanning.scanned, "fourth", "#!/nowhere/sh\n")
        scanning.wait_up("second")
        os.kill(first, signal.SIGKILL)
        scanning.wait_new("first", first)
        scanning.control("-tcpahiu", "second")
        scanning.control("-d", "second")
        wait_for(lambda: not scanning.pid("second"), "the end of a service")
        (scanning.scanned / "second").rename(tmp_path / "gone")
        scanning.control("-dx", str(tmp_path / "gone"))
        scanning.kill()
        assert b"Traceback" not in b"\n".join(scanning.lines())
    assert imported(tmp_path) == ""


@pytest.mark.slow
def test_supervise_imports_nothing(tmp_path: Path) -> None:
    service = tmp_path / "service"
    service.mkdir()
    (service / "run").write_text(SLEEPER)
    (service / "run").chmod(0o755)
    (service / "down").touch()  # so not even a first start is behind it
    process = subprocess.Popen(
        [*hiding(tmp_path, "supervise"), str(service)], env=ENVIRONMENT, stderr=subprocess.PIPE
    )

    def up() -> bool:
        return b": up (pid " in stat()

    def stat() -> bytes:
        done = subprocess.run(["/usr/bin/svstat", str(service)], capture_output=True, timeout=PATIENCE)
        return done.stdout

    try:
        wait_for(lambda: b": down " in stat(), "the supervisor")
        hide(tmp_path)
        subprocess.run(["/usr/bin/svc", "-u", str(service)], check=True, timeout=PATIENCE)
        wait_for(up, "the service")
        for letters in ("-t", "-k", "-pc", "-hai", "-d", "-o", "-u"):
            subprocess.run(["/usr/bin/svc", letters, str(service)], check=True, timeout=PATIENCE)
        wait_for(up, "the service again")
        (service / "run").unlink()  # cannot be started any more
        subprocess.run(["/usr/bin/svc", "-k", str(service)], check=True, timeout=PATIENCE)
        assert process.stderr is not None
        select.select([process.stderr], [], [], PATIENCE)  # until it says so
        subprocess.run(["/usr/bin/svc", "-dx", str(service)], check=True, timeout=PATIENCE)
        _, said = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert b"unable to start" in said
    assert b"Traceback" not in said
    assert process.returncode == 0
    assert imported(tmp_path) == ""


@pytest.mark.slow
def test_multilog_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    actions = ["t", "s4096", "n3", "!tr a b", "./main", "-*x*", "=./status", "e", "+*", "./big/log"]
    process = subprocess.Popen(
        [*hiding(tmp_path, "multilog"), *actions],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=ENVIRONMENT,
    )
    said: list[bytes] = []
    assert process.stderr is not None
    reader = threading.Thread(target=said.extend, args=(process.stderr,))  # a file would have the limit, too
    reader.start()
    try:
        assert process.stdin is not None
        process.stdin.write(b"first\n")
        process.stdin.flush()
        current = tmp_path / "main/current"
        wait_for(lambda: current.exists() and b"first" in current.read_bytes(), "the log")
        hide(tmp_path)
        process.send_signal(signal.SIGALRM)
        for number in range(300):
            process.stdin.write(b"a line that is one of many %d\n" % number * 10)
        process.stdin.flush()
        wait_for(lambda: len(list((tmp_path / "main").glob("@*.s"))) > 1, "rotations")
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        process.stdin.write(b"no room for this\n" * 100)
        process.stdin.flush()
        wait_for(lambda: any(line.startswith(b"multilog: warning: ") for line in said), "a warning")
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        process.terminate()
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        process.stdin.close()  # type: ignore[union-attr]
        reader.join(PATIENCE)
        process.stderr.close()
    assert b"Traceback" not in b"".join(said)
    assert imported(tmp_path) == ""


def test_recordio_imports_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*hiding(tmp_path, "recordio"), "cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"one\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"one\n"
        hide(tmp_path)
        out, said = process.communicate(b"two\n" * 100_000, timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert out == b"two\n" * 100_000
    assert b"[EOF]" in said
    assert b"Traceback" not in said
    assert imported(tmp_path) == ""


@pytest.mark.parametrize("options", [["-RHl0"], ["-t1"]], ids=["alone", "with look-ups"])
def test_tcpclient_imports_nothing_when_it_is_connected(options: list[str], tmp_path: Path) -> None:
    """What is connected may have been waited for long; only then it would be seen that something is gone."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen(
            [*hiding(tmp_path, "tcpclient"), *options, "127.0.0.1", str(listener.getsockname()[1]), "true"],
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
        )
        _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (0, b"")
