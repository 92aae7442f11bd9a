"""How a server ends, and how it tells that it has begun."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE
from tests.support.serving import COMMAND, ENVIRONMENT, Served, hold, read_all, serving
from ucspi.unix import native

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(3)]


def assert_refused(served: Served) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            served.connect().close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:  # taken into the backlog just before it was closed
            pass
        time.sleep(0.01)
    pytest.fail("it still listens")


def test_drain_accepts_nobody_and_waits_for_the_handlers(tmp_path: Path) -> None:
    with serving(tmp_path, ["-vHRl0", "--drain", "60"], ["cat"]) as served:
        client = hold(served)
        served.process.send_signal(signal.SIGTERM)
        assert_refused(served)
        served.wait_for(lambda lines: any(line.startswith("tcpserver: draining: ") for line in lines))
        client.sendall(b"still there\n")
        assert client.recv(100) == b"still there\n"
        assert served.process.poll() is None
        client.close()
        assert served.process.wait(PATIENCE) == 0
        assert served.lines()[-1] == "tcpserver: status: 0/40"


FEW = """
import os, sys
from ucspi.programs import tcpserver
from ucspi.tcp.server import handlers

def search(self):
    os.write(2, b"search\\n")
    yield from look(self)

look, handlers.Handlers._scan = handlers.Handlers._scan, search
handlers.FEW, handlers.REST, handlers.REST_MAX = 2, 10**9, 60.0
sys.exit(tcpserver.main())
"""


def test_drain_looks_at_many_handlers_no_oftener_than_before(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FEW]
    with serving(tmp_path, ["-vHRl0", "--drain", "60"], ["cat"], command=command) as served:
        clients = [hold(served) for _ in range(9)]
        served.process.send_signal(signal.SIGTERM)
        lines = served.wait_for(lambda lines: any("draining" in line for line in lines))
        before = lines.count("search")
        for left in range(8, 2, -1):
            clients.pop().close()
            lines = served.wait_for(lambda lines, left=left: lines[-1] == f"tcpserver: status: {left}/40")  # type: ignore[misc]
        assert lines.count("search") <= before + 1
        for client in clients:
            client.close()
        assert served.process.wait(PATIENCE) == 0


def test_drain_without_clients_ends_at_once(tmp_path: Path) -> None:
    with serving(tmp_path, ["-HRl0", "--drain", "60"], ["cat"]) as served:
        assert served.stop() == 0


# Python drops what is raised in the callback of a weak reference, of which imports have some.
DROPS = """
import os, signal, sys
from ucspi.programs import tcpserver
from ucspi.tcp.server import doors

def term():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(1000):  # the interpreter calls the handler
            pass
    except BaseException:
        os.write(2, b"dropped\\n")

class Finder:
    def find_spec(self, name, *_):
        if name == "ucspi.tcp.server.loop":
            term()

def wait(self, *arguments):
    doors.Doors.wait = real
    term()
    return self.wait(*arguments)

when = sys.argv.pop(1)
if when == "importing":
    sys.meta_path.insert(0, Finder())
else:
    real, doors.Doors.wait = doors.Doors.wait, wait
sys.exit(tcpserver.main())
"""


@pytest.mark.parametrize("options", [[], ["--drain", "60"]], ids=["", "drain"])
@pytest.mark.parametrize("when", ["importing", "serving"])
def test_term_that_python_drops_ends_the_server_all_the_same(
    tmp_path: Path, when: str, options: list[str]
) -> None:
    command = [sys.executable, "-c", DROPS, when, "-vHRl0", *options, "127.0.0.1", "0", "true"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0
    assert (b"dropped" in done.stderr) == (when == "serving" and not options)


@pytest.mark.parametrize("seconds", ["0", "1"])
def test_drain_ends_handlers_when_its_time_is_over(tmp_path: Path, seconds: str) -> None:
    with serving(tmp_path, ["-vHRl0", "--drain", seconds], ["cat"]) as served:
        client = hold(served)
        assert served.stop() == 0
        assert read_all(client) == b""
        assert served.lines()[-2].endswith(" status 15")


def test_second_term_does_not_wait(tmp_path: Path) -> None:
    with serving(tmp_path, ["-HRl0", "--drain", "600"], ["cat"]) as served:
        client = hold(served)
        served.process.send_signal(signal.SIGTERM)
        assert_refused(served)
        assert served.stop() == 0
        assert read_all(client) == b""


def test_drain_kills_what_ignores_term(tmp_path: Path) -> None:
    deaf = ["sh", "-c", "trap '' TERM; cat"]
    with serving(tmp_path, ["-vHRl0", "--drain", "0"], deaf) as served:
        client = hold(served)
        served.process.send_signal(signal.SIGTERM)
        assert_refused(served)
        assert served.stop() == 0  # hurries on to SIGKILL
        assert served.lines()[-2].endswith(" status 9")
        client.close()


@pytest.mark.parametrize(
    ("number", "status", "is_last"),
    [(signal.SIGHUP, 15, False), (signal.SIGQUIT, 15, True), (signal.SIGABRT, 9, True)],
)
def test_signals_of_s6(tmp_path: Path, number: int, status: int, is_last: bool) -> None:
    with serving(tmp_path, ["-vHRl0", "--signals", "s6"], ["cat"]) as served:
        client = hold(served)
        served.process.send_signal(number)
        assert read_all(client) == b""
        if is_last:
            assert served.process.wait(PATIENCE) == 0
        else:
            lines = served.wait_for(lambda lines: lines[-1:] == ["tcpserver: status: 0/40"])
            assert lines[-2].endswith(f" status {status}")
            hold(served).close()
        client.close()


LATE = """
import atexit, os, signal, sys
from ucspi.programs import tcpserver

def close(listeners):
    os.kill(os.getpid(), signal.SIGTERM)
    close_all(listeners)

close_all, tcpserver._close = tcpserver._close, close
atexit.register(os.write, 2, b"ordinary exit")
sys.exit(tcpserver.main())
"""


def test_term_that_comes_behind_quit_makes_no_ordinary_exit(tmp_path: Path) -> None:
    """One would wait for look-ups, and free what handlers that are still preparing read."""
    command = [sys.executable, "-c", LATE]
    with serving(tmp_path, ["-HRl0", "--signals", "s6"], ["cat"], command=command) as served:
        hold(served).close()
        served.process.send_signal(signal.SIGQUIT)
        assert served.process.wait(PATIENCE) == 0
        assert served.lines() == []


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1])
def test_other_signals_keep_their_effect(tmp_path: Path, number: int) -> None:
    with serving(tmp_path, ["-HRl0"], ["cat"]) as served:
        served.process.send_signal(number)
        assert served.process.wait(PATIENCE) == -number


def run(options: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    command = [*COMMAND, *options]
    null = subprocess.DEVNULL
    return subprocess.run(command, stdin=null, capture_output=True, env=ENVIRONMENT, timeout=PATIENCE)


def test_ready_descriptor_gets_a_newline_and_is_closed(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    show = ["sh", "-c", f"test -e /proc/self/fd/{writer} && echo open || echo closed"]
    options = ["-HRl0", "--ready-fd", str(writer)]
    with serving(tmp_path, options, show, pass_fds=[writer]) as served:
        os.close(writer)
        assert os.read(reader, 10) == b"\n"
        assert os.read(reader, 10) == b""
        with served.connect() as client:
            assert read_all(client) == b"closed\n"
    os.close(reader)


def test_ready_descriptor_that_is_not_open_is_an_error() -> None:
    done = run(["--ready-fd", "77", "127.0.0.1", "0", "true"])
    assert done.returncode == 111
    assert done.stderr == b"tcpserver: fatal: unable to write to descriptor 77: file descriptor not open\n"
    assert run(["--ready-fd", "2", "127.0.0.1", "0", "true"]).returncode == 100


@pytest.mark.parametrize("number", range(3, 9))
def test_ready_descriptor_that_nobody_passed_is_none_of_our_own(number: int) -> None:
    done = run(["--ready-fd", str(number), "127.0.0.1", "0", "true"])
    assert done.returncode == 111
    assert done.stderr.endswith(b" to descriptor %d: file descriptor not open\n" % number)
    assert done.stderr.count(b"\n") == 1


def test_service_manager_is_told_and_the_handler_is_not(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)
        script = f'NOTIFY_SOCKET={tmp_path}/notify exec {shlex.join(COMMAND)} "$@"'
        command = ["sh", "-c", script, "sh"]
        with serving(
            tmp_path, ["-HRl0"], ["sh", "-c", "echo ${NOTIFY_SOCKET-unset}"], command=command
        ) as served:
            assert manager.recv(100) == b"READY=1\n"
            with served.connect() as client:
                assert read_all(client) == b"unset\n"


def start(command: list[str], given: socket.socket) -> subprocess.Popen[bytes]:
    """Start a command with a socket on its descriptor 0."""
    return subprocess.Popen(command, stdin=given.fileno(), env=ENVIRONMENT)


def test_listening_socket_on_a_descriptor_is_served(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as given:
        process = start([*COMMAND, "-HRl0", "--listen-fd", "0", "sh", "-c", "echo $TCPLOCALPORT"], given)
        try:
            with socket.create_connection(given.getsockname(), timeout=PATIENCE) as client:
                assert read_all(client) == b"%d\n" % given.getsockname()[1]
        finally:
            process.kill()
            process.wait(PATIENCE)


@pytest.mark.parametrize("was_blocking", [True, False])
@pytest.mark.parametrize(
    ("options", "how"),
    [
        ([], signal.SIGTERM),
        (["--drain", "5"], signal.SIGTERM),
        (["--signals", "s6"], signal.SIGQUIT),
        (["--ready-fd", "1"], None),  # closed: a fatal error behind the listening
        (["--listen", "192.0.2.1:1"], None),
    ],
)
def test_passed_socket_is_given_back_as_it_was(
    options: list[str], how: signal.Signals | None, was_blocking: bool
) -> None:
    """Whoever passed it shares its flags, and may wait in accept himself."""
    with socket.create_server(("127.0.0.1", 0)) as given:
        os.set_blocking(given.fileno(), was_blocking)
        command = [*COMMAND, "-HRl0", "--listen-fd", "0", *options, "echo", "served"]
        reader, writer = os.pipe()
        os.close(reader)  # before it starts, so that it cannot write
        process = subprocess.Popen(
            command, stdin=given.fileno(), stdout=writer, stderr=subprocess.PIPE, env=ENVIRONMENT
        )
        os.close(writer)
        try:
            if how is not None:
                for _ in range(2):
                    with socket.create_connection(given.getsockname(), timeout=PATIENCE) as client:
                        assert read_all(client) == b"served\n"
                    os.set_blocking(given.fileno(), was_blocking)  # meanwhile somebody else gave it back
                process.send_signal(how)
            assert process.wait(PATIENCE) == (111 if how is None else 0)
            assert os.get_blocking(given.fileno()) is was_blocking
        finally:
            process.kill()
            process.wait(PATIENCE)


BLOCKS = """
import os, sys
from ucspi.programs import tcpserver
from ucspi.tcp.server.listener import Listener
Listener.keep_nonblocking = lambda self: os.set_blocking(self.fileno(), True)  # as others may
sys.exit(tcpserver.main())
"""


@pytest.mark.skipif(native.lib is None, reason="Python itself tries again after a signal")
@pytest.mark.parametrize(
    ("options", "how"), [(["--signals", "s6"], signal.SIGQUIT), (["--drain", "5"], signal.SIGTERM)]
)
def test_signal_ends_a_wait_in_accept(tmp_path: Path, options: list[str], how: signal.Signals) -> None:
    command = [sys.executable, "-c", BLOCKS]
    with serving(tmp_path, ["-HRl0", *options], ["echo", "served"], command=command) as served:
        with served.connect() as client:
            assert read_all(client) == b"served\n"
        time.sleep(0.5)  # by now it waits; not every system tells where a process does
        served.process.send_signal(how)
        assert served.process.wait(PATIENCE) == 0


def test_sockets_of_a_service_manager_are_served(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as given:
        script = f'exec 3<&0; LISTEN_FDS=1 LISTEN_PID=$$ exec {shlex.join(COMMAND)} "$@"'
        options = ["-HRl0", "--listen-fds", "sh", "-c", "echo ${LISTEN_FDS-unset}; ls /proc/self/fd"]
        process = start(["sh", "-c", script, "sh", *options], given)
        try:
            with socket.create_connection(given.getsockname(), timeout=PATIENCE) as client:
                assert read_all(client).split() == [b"unset", b"0", b"1", b"2", b"3"]  # 3 is ls's own
        finally:
            process.kill()
            process.wait(PATIENCE)


@pytest.mark.parametrize("count", ["0", "000", "65537", "9" * 5000, "x", ""])
def test_number_of_passed_sockets_that_makes_no_sense_is_one_line(count: str) -> None:
    script = f"LISTEN_FDS={count} LISTEN_PID=$$ exec {shlex.join(COMMAND)} --listen-fds true"
    done = subprocess.run(["sh", "-c", script], capture_output=True, env=ENVIRONMENT, timeout=PATIENCE)
    assert done.returncode == 100
    assert done.stderr.startswith(b"tcpserver: fatal: --listen-fds ")
    assert done.stderr.count(b"\n") == 1
    assert len(done.stderr) < 250


@pytest.mark.parametrize(
    "options",
    [
        ["--listen-fds"],
        ["--listen-fd", "77"],
        ["--listen-fd", "0"],
        ["--listen-fd", "0", "--listen-fd", "0"],
        ["--listen-fd", "1", "--ready-fd", "1"],
    ],
)
def test_socket_that_was_not_passed_is_an_error(options: list[str]) -> None:
    done = run([*options, "true"])
    assert done.returncode in (100, 111)
    assert done.stderr.startswith(b"tcpserver: fatal: ")
    assert done.stderr.count(b"\n") == 1


def test_passed_socket_that_is_no_stream_is_refused_with_a_reason() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as given:
        given.bind("")  # the system finds an abstract name
        given.listen()
        command = [*COMMAND, "--listen-fd", "0", "true"]
        done = subprocess.run(
            command, stdin=given.fileno(), capture_output=True, env=ENVIRONMENT, timeout=PATIENCE
        )
    assert done.returncode == 111
    assert done.stderr == b"tcpserver: fatal: unable to listen on descriptor 0: protocol not supported\n"


def told_when_term_comes_during_ident(folder: Path, command: Sequence[str]) -> bytes:
    """Return what a client gets whose ident answer comes after the server has ended."""
    ip = "127.113.3.7"
    try:
        identd = socket.create_server((ip, 113))
    except PermissionError:
        pytest.skip("port 113 is for root")
    with identd, serving(folder, ["-Hl0"], ["echo", "served"], command=command) as served:
        identd.settimeout(PATIENCE)
        with served.connect(ip) as client:
            asking, _ = identd.accept()
            assert served.stop() == 0
            asking.close()
            return read_all(client)


def test_client_still_looked_up_is_cut_off_by_term(tmp_path: Path) -> None:
    assert told_when_term_comes_during_ident(tmp_path, COMMAND) == b""


@pytest.mark.oracle
def test_original_serves_who_was_still_looked_up(tmp_path: Path, oracle: Oracle) -> None:
    assert told_when_term_comes_during_ident(tmp_path, (oracle("tcpserver"),)) == b"served\n"
