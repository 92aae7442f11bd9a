"""A relay behind a server, executed and as steps: what servers, clients and signals may do to it."""

import os
import re
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.commands import COMMANDS
from tests.support.patience import PATIENCE, wait_for
from tests.support.processes import processor_time
from tests.support.serving import read_all
from tests.support.warmed import CAN_BE_WARM, Executed, Server, server
from tests.support.world import why_not
from ucspi.unix import mover

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not (CAN_BE_WARM and mover.is_there()),
        reason="there are no steps without the compiled module, launchers and the mover",
    ),
]

SETTLE = 0.1  # seconds until a new file is no longer too new to be sure of
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close resets the connection
HEADER = re.compile(rb"PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 (\d+) (\d+)\r\n")
Behave = Callable[[socket.socket], object]


class Behind:
    """A server that does with each connection what it is told."""

    def __init__(self, behave: Behave, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self.listener = socket.create_server(address, backlog=200)
        self.port = int(self.listener.getsockname()[1])
        self.accepted = 0
        self._behave = behave
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            connection.settimeout(PATIENCE)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._behave(connection)
            except OSError:
                pass

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@contextmanager
def behind(behave: Behave, address: tuple[str, int] = ("127.0.0.1", 0)) -> Iterator[Behind]:
    made = Behind(behave, address)
    try:
        yield made
    finally:
        made.close()


def relay(port: int, *options: str, host: str = "127.0.0.1") -> list[str]:
    return ["tcpclient", "-RHl0", *options, host, str(port), "proxyio"]


def echo(connection: socket.socket) -> None:
    text = read_all(connection)
    connection.sendall(text + b"|the end")


def reset(connection: socket.socket) -> None:
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def visits(folder: Path, way: str, handler: Sequence[str], say: bytes = b"", count: int = 1) -> list[object]:
    with server(folder, way, handler) as running:
        return [running.visit(say) for _ in range(count)]


def both(folder: Path, handler: Sequence[str], say: bytes = b"") -> object:
    """Return what a client gets, the status, and what is said; the same both ways."""
    cold, warm = (visits(folder, way, handler, say) for way in ("cold", "warm"))
    assert warm == cold
    return warm[0]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[[Sequence[str]], Server]]:
    """Start servers whose links are steps."""
    with ExitStack() as stack:
        yield lambda handler: stack.enter_context(server(tmp_path, "warm", handler))


def connect(server: Server, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), PATIENCE, (source, 0))


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_relay_tells_who_the_client_is_and_half_closes(tmp_path: Path, version: str) -> None:
    heads = []

    def serve(connection: socket.socket) -> None:
        heads.append(
            connection.recv(28 if version == "v2" else 200, socket.MSG_WAITALL if version == "v2" else 0)
        )
        echo(connection)

    with behind(serve) as made:
        outcome = both(tmp_path, relay(made.port, "--proxy", version))
    assert outcome == (b"|the end", 0, b"")
    if version == "v1":
        assert len([head for head in heads if HEADER.fullmatch(head)]) == 2, heads
    else:
        assert {head[:24] for head in heads} == {b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\1\x7f\0\0\1"}


def test_nothing_of_ours_is_executed(tmp_path: Path) -> None:
    watched = [Executed(COMMANDS / program) for program in ("tcpclient", "proxyio")]
    try:
        with behind(echo) as made:
            with server(tmp_path, "warm", relay(made.port)) as warm:
                wait_for(lambda: is_warm(warm, watched, b"|the end"), "a relay that executes nothing")
            with server(tmp_path, "cold", relay(made.port)) as cold:
                assert not is_warm(cold, watched, b"|the end")
    finally:
        for each in watched:
            each.close()


def test_megabytes_come_through(running: Callable[[Sequence[str]], Server]) -> None:
    text = os.urandom(3_000_000)
    with behind(echo) as made:
        assert running(relay(made.port)).visit(text)[0] == text + b"|the end"


def test_server_that_refuses_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        outcome = both(tmp_path, relay(port, "--proxy", "v2"), b"hello")
        line = b"tcpclient: unable to connect to 127.0.0.1 port %d: connection refused\n" % port
        assert outcome == (b"", 111 << 8, line)
        assert both(tmp_path, relay(port, "-q"), b"hello") == (b"", 111 << 8, b"")


def test_host_in_the_hosts_file_is_the_one_of_now(tmp_path: Path) -> None:
    """Its address is noted, as long as the file is as it was: a change counts from the next client on."""
    if reason := why_not():
        pytest.skip(reason)
    hosts, order = tmp_path / "hosts", tmp_path / "order"
    hosts.write_text("127.0.0.1 backend.test\n")
    order.write_text("hosts: files\n")
    binds = "mount --bind hosts /etc/hosts && mount --bind order /etc/nsswitch.conf"
    shell = ["unshare", "--mount", "sh", "-c", f'{binds} && exec "$@"', "sh"]
    watched = Executed(COMMANDS / "tcpclient")
    time.sleep(SETTLE)
    with (
        behind(lambda one: one.sendall(b"first")) as first,
        behind(lambda one: one.sendall(b"second"), ("127.0.0.2", first.port)),
        server(tmp_path, "warm", relay(first.port, host="backend.test"), behind=shell) as running,
    ):
        wait_for(lambda: is_warm(running, [watched], b"first"), "a step")
        hosts.write_text("127.0.0.2 backend.test\n")
        assert running.visit() == (b"second", 0, b"")
        assert watched.count() > 0
        wait_for(lambda: is_warm(running, [watched], b"second"), "a step once more")
        hosts.write_text("127.0.0.2 backend.test\n127.0.0.1 backend.test\n")
        assert running.visit()[1] == 0
        assert watched.count() > 0
        hosts.write_text("127.0.0.3 other.test\n")
        assert running.visit()[2] == b"tcpclient: fatal: no IP address for backend.test\n"
    watched.close()


def is_warm(running: Server, watched: Sequence[Executed], text: bytes) -> bool:
    """Return whether a visit needs no program of ours; other tests may run them at the same time."""
    for each in watched:
        each.count()
    assert running.visit()[0] == text
    return not any(each.count() for each in watched)


@pytest.mark.parametrize("behave", [reset, lambda _: None], ids=["resets", "says nothing"])
def test_server_that_breaks_off_ends_the_client_s_connection(tmp_path: Path, behave: Behave) -> None:
    with behind(behave) as made:
        assert both(tmp_path, relay(made.port), b"hello") == (b"", 0, b"")


@pytest.fixture
def deaf() -> Iterator[int]:
    """Give a port that never answers: its backlog is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_server_that_does_not_answer_gets_its_time(tmp_path: Path, deaf: int) -> None:
    began = time.monotonic()
    outcome = both(tmp_path, relay(deaf, "-T", "1"), b"hello")
    assert outcome == (
        b"",
        111 << 8,
        b"tcpclient: unable to connect to 127.0.0.1 port %d: timed out\n" % deaf,
    )
    assert time.monotonic() - began > 2


def test_clients_that_wait_for_a_deaf_server_delay_no_other(
    running: Callable[[Sequence[str]], Server], deaf: int, tmp_path: Path
) -> None:
    """And each ends by the signal that would end tcpclient, without harm to the others."""
    with behind(echo) as made:
        one = running(relay(deaf, "-T", "60"))
        waiting = [connect(one) for _ in range(20)]
        children = Path(f"/proc/{one.process.pid}/task/{one.process.pid}/children")
        wait_for(lambda: len(children.read_text().split()) == len(waiting), "the children")
        before = processor_time(one.process.pid)
        (tmp_path / "second").mkdir()
        with server(tmp_path / "second", "warm", relay(made.port)) as other:
            assert other.visit(b"x")[0] == b"x|the end"
        for pid in children.read_text().split()[:10]:
            os.kill(int(pid), signal.SIGTERM)
        wait_for(lambda: len(children.read_text().split()) == 10, "ten to end")
        waiting.append(connect(one))
        wait_for(lambda: len(children.read_text().split()) == 11, "one more client")
        for pid in children.read_text().split():
            os.kill(int(pid), signal.SIGKILL)
        wait_for(lambda: not children.read_text().split(), "all to end")
        assert one.process.poll() is None
        assert processor_time(one.process.pid) - before < 2
        for client in waiting:
            client.close()


def test_server_ends_while_a_child_connects(running: Callable[[Sequence[str]], Server], deaf: int) -> None:
    """The child has its memory until then, and goes on, as tcpclient would."""
    one = running(relay(deaf, "-T", "1"))
    with connect(one) as client:
        children = Path(f"/proc/{one.process.pid}/task/{one.process.pid}/children")
        wait_for(lambda: children.read_text().split(), "the child")
        one.process.terminate()
        assert one.process.wait(PATIENCE) == 0
        assert read_all(client) == b""
    log = (one.folder / "log.warm").read_bytes()
    assert log.endswith(b"port %d: timed out\n" % deaf)


def test_client_that_resets_at_any_moment_harms_no_other(running: Callable[[Sequence[str]], Server]) -> None:
    with behind(echo) as made:
        one = running(relay(made.port, "--proxy", "v2"))
        for turn in range(100):
            with connect(one) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                client.send(b"x" * (turn % 3))
                time.sleep(turn % 10 * 0.0003)
        with connect(one) as client:
            client.sendall(b"last")
            client.shutdown(socket.SHUT_WR)
            assert read_all(client).endswith(b"last|the end")
        children = Path(f"/proc/{one.process.pid}/task/{one.process.pid}/children")
        wait_for(lambda: not children.read_text().split(), "all to end")


def test_killed_relay_ends_its_client_alone(running: Callable[[Sequence[str]], Server]) -> None:
    with behind(echo) as made:
        one = running(relay(made.port))
        children = Path(f"/proc/{one.process.pid}/task/{one.process.pid}/children")
        with connect(one) as killed:
            wait_for(lambda: children.read_text().split(), "the first")
            (first,) = children.read_text().split()
            wait_for(lambda: Path(f"/proc/{first}/comm").read_text() == "proxyio\n", "the relay")
            with connect(one) as other:
                os.kill(int(first), signal.SIGKILL)
                assert read_all(killed) == b""
                other.sendall(b"other")
                other.shutdown(socket.SHUT_WR)
                assert read_all(other) == b"other|the end"


@pytest.mark.parametrize("said", [b"nonsense", b"1.2.3.4\rX", b"9" * 3000, b"::1"])
def test_client_whose_address_is_a_lie_is_refused_alike(tmp_path: Path, said: bytes) -> None:
    """It comes of a directory, as it might of a rule, so the step sees it only then."""
    (tmp_path / "lies").mkdir()
    (tmp_path / "lies/TCPREMOTEIP").write_bytes(said)
    with behind(echo) as made:
        code = both(tmp_path, ["envdir", "./lies", *relay(made.port, "--proxy", "v1")])
        assert made.accepted == (2 if said == b"::1" else 0)
    assert isinstance(code, tuple)
    assert code[1] == (0 if said == b"::1" else 100 << 8)


def test_relays_behind_other_links_and_each_other(tmp_path: Path) -> None:
    """The second is a client of the first's server, which it never reads."""
    with behind(echo) as made:
        chain = ["argv0", "tcpclient", "x", *relay(made.port)[1:-1], *relay(made.port)]
        first = both(tmp_path, ["softlimit", "-o50", "fixcrio", *chain], b"hello\r\n")
        assert isinstance(first, tuple)
        assert first[0].startswith(b"hello\r\n|the end")
        assert made.accepted == 4


def test_program_of_others_has_the_connection(tmp_path: Path) -> None:
    show = "echo to >&7; cat <&6; ls /proc/self/fd; env | grep ^TCP | grep -v PORT | sort"
    with behind(lambda connection: connection.sendall(b"from\n" + connection.recv(3))) as made:
        first = ["setuidgid", "root"] if os.geteuid() == 0 else ["argv0", "tcpclient", "x"]
        line = [*first, *relay(made.port)[first[0] == "argv0" : -1], "sh", "-c", show]
        outcome = both(tmp_path, line)
    assert isinstance(outcome, tuple)
    assert outcome[0].startswith(b"from\nto\n0\n1\n2\n3\n6\n7\n")
    assert b"TCPREMOTEIP=127.0.0.1\n" in outcome[0]


def test_program_behind_a_path_is_told_its_own_pid(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        show = 'test "$UNIXLOCALPID" = $$ && echo "$UNIXLOCALUID $UNIXREMOTEPID"'
        line = ["tcpclient", f"unix:{tmp_path / 'socket'}", "0", "sh", "-c", show]
        outcome = both(tmp_path, line)
    assert isinstance(outcome, tuple)
    assert outcome[0].split()[1:] == [b"%d" % os.getpid()]


def test_hundreds_leave_nothing_behind(running: Callable[[Sequence[str]], Server]) -> None:
    with behind(echo) as made:
        one = running(relay(made.port, "--proxy", "v2"))
        descriptors = Path(f"/proc/{one.process.pid}/fd")
        one.visit()
        before = sorted(os.listdir(descriptors))
        for _ in range(300):
            with connect(one) as client:
                client.shutdown(socket.SHUT_WR)
                assert read_all(client).endswith(b"|the end")
        wait_for(lambda: sorted(os.listdir(descriptors)) == before, "the same descriptors")
