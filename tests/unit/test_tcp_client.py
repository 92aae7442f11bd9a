"""Connecting from Python: several addresses, time-outs, both kinds of sockets."""

import errno
import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ucspi.errors import BadPortError, ConnectError, NoAddressError
from ucspi.tcp import client, connect, environment, ident, names, serverlookups
from ucspi.tcp.address import resolve_all
from ucspi.tcp.background import Background
from ucspi.tcp.connection import Connection


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    while True:
        with socket.create_server(("127.0.0.1", 0)) as made, socket.socket() as other:
            try:
                other.bind(("127.0.0.2", made.getsockname()[1]))
            except OSError:
                continue  # what else runs here has that port on the address of `deaf`
            other.close()
            yield made
            return


@pytest.fixture
def deaf(listener: socket.socket) -> Iterator[int]:
    """Give the listener's port, its backlog full on 127.0.0.2."""
    port: int = listener.getsockname()[1]
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.2", port))
        full.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.2", port))
        yield port


def test_connection_is_a_blocking_socket_that_closes_on_exec(listener: socket.socket) -> None:
    connection = connect(b"127.0.0.1", listener.getsockname()[1], local_ip=b"127.0.0.5", no_delay=True)
    assert not os.get_inheritable(connection.descriptor)
    assert os.get_blocking(connection.descriptor)
    assert (connection.local_ip, connection.remote_ip) == (b"127.0.0.5", b"127.0.0.1")
    assert connection.remote_port == listener.getsockname()[1]
    with listener.accept()[0] as server, socket.socket(fileno=connection.release()) as made:
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        made.sendall(b"hello")
        assert server.recv(9) == b"hello"


def test_addresses_are_tried_in_order_and_failures_told(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    reported = []
    connection = connect(
        b"127.0.0.9.127.0.0.8.127.0.0.1",
        b"%d" % port,
        report=lambda ip, port, error: reported.append((ip, port, error.errno)),
    )
    connection.close()
    assert reported == [
        (b"127.0.0.9", port, errno.ECONNREFUSED),
        (b"127.0.0.8", port, errno.ECONNREFUSED),
    ]


def test_error_tells_of_each_attempt(listener: socket.socket) -> None:
    with pytest.raises(ConnectError, match="unable to connect") as caught:
        connect(b"127.0.0.9.127.0.0.8", listener.getsockname()[1])
    assert isinstance(caught.value, OSError)
    assert (caught.value.exit_code, caught.value.errno) == (111, errno.ECONNREFUSED)
    assert [ip for ip, _ in caught.value.failures] == [b"127.0.0.9", b"127.0.0.8"]


def test_silent_address_does_not_keep_us_from_the_next(deaf: int) -> None:
    began = time.monotonic()
    connect(b"127.0.0.2.127.0.0.1", deaf, first=0.1, rest=60).close()
    assert time.monotonic() - began < 5


def test_single_address_gets_all_the_time_at_once(deaf: int) -> None:
    began = time.monotonic()
    with pytest.raises(ConnectError) as caught:
        connect(b"127.0.0.2", deaf, first=0.1, rest=0.2)
    assert 0.3 <= time.monotonic() - began < 5
    assert caught.value.errno == errno.ETIMEDOUT


def test_nothing_stays_open_after_a_failure(listener: socket.socket) -> None:
    before = os.listdir("/proc/self/fd")
    for host, options in ((b"127.0.0.9", {}), (b"127.0.0.1", {"local_ip": b"10.9.8.7"}), (b"unix:/none", {})):
        with pytest.raises(ConnectError):
            connect(host, listener.getsockname()[1], **options)  # type: ignore[arg-type]
    assert os.listdir("/proc/self/fd") == before


def test_example_of_the_docs_connects_or_says_why(
    listener: socket.socket,
) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "ucspi.md").read_text()
    example = page.partition("```python\n")[2].partition("```")[0]
    port = str(listener.getsockname()[1])
    exec(compile(example.replace("25", port), "docs/ucspi.md", "exec"), {})
    with listener.accept()[0] as server:
        assert server.recv(9) == b"QUIT\r\n"
    with pytest.raises(SystemExit, match=r"no mail today: no IP address for b'1\.2'"):
        exec(compile(example.replace("127.0.0.1", "1.2"), "docs/ucspi.md", "exec"), {})


def test_local_address_chooses_the_kind(listener: socket.socket) -> None:
    with pytest.raises(NoAddressError):
        connect(b"127.0.0.1", listener.getsockname()[1], local_ip=b"::1")
    with pytest.raises(ConnectError, match="unable to bind socket"):
        connect(b"127.0.0.1", listener.getsockname()[1], local_ip=b"10.9.8.7")


@pytest.mark.parametrize("port", [-1, 65536, 2**70])
def test_number_that_is_no_port_is_named(port: int) -> None:
    for number, local_port in ((port, 0), (80, port)):
        with pytest.raises(BadPortError, match=f"{port} is not within 0 to 65535") as caught:
            connect(b"name.invalid", number, local_port=local_port)
        assert caught.value.port == port


def test_unix_socket_has_a_path_instead_of_addresses(tmp_path: Path) -> None:
    path = bytes(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        connection = connect(b"unix:" + path, 0)
    assert (connection.path, connection.remote_ip) == (path, b"")
    given = environment.variables(connection, [(b"A", b"b")])
    connection.close()
    assert given.split(b"\0")[:-1] == [
        *(b"PROTO=UNIX", b"UNIXLOCALPATH=" + path),
        *(b"UNIXLOCALUID=%d" % os.getuid(), b"UNIXLOCALGID=%d" % os.getgid()),
        *(b"UNIXLOCALPID=%d" % os.getpid(), b"UNIXREMOTEPID=%d" % os.getpid()),
        *(b"UNIXREMOTEEUID=%d" % os.geteuid(), b"UNIXREMOTEEGID=%d" % os.getegid(), b"A=b"),
    ]


def test_unix_socket_whose_backlog_is_full_times_out(tmp_path: Path) -> None:
    path = bytes(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as filler:
        listener.bind(path)
        listener.listen(0)
        filler.connect(path)
        with pytest.raises(ConnectError) as caught:
            connect(b"unix:" + path, 0, first=0.1, rest=0.1)
    assert caught.value.errno == errno.ETIMEDOUT


def test_path_that_does_not_fit_is_too_long() -> None:
    with pytest.raises(ConnectError) as caught:
        connect(b"unix:" + b"x" * 200, 0)
    assert caught.value.errno == errno.ENAMETOOLONG


@pytest.mark.parametrize(
    ("operand", "ips"),
    [
        (b"", [b"127.0.0.1"]),
        (b"0", [b"127.0.0.1"]),
        (b"1.2.3.4", [b"1.2.3.4"]),
        (b"1.2.3.4.5.6.7.8", [b"1.2.3.4", b"5.6.7.8"]),
        (b"[1.2.3.4.5.6.7]", [b"1.2.3.4"]),
        (b"::1", [b"::1"]),
        (b"[::1]", [b"::1"]),
    ],
)
def test_operand_has_these_addresses(operand: bytes, ips: list[bytes]) -> None:
    assert resolve_all(operand) == ips


def test_name_has_each_address_once() -> None:
    ips = resolve_all(b"localhost")
    assert b"127.0.0.1" in ips
    assert len(set(ips)) == len(ips)


@pytest.mark.parametrize("operand", [b"1.2.3", b":", b"::1::", b"\xff:1"])
def test_operand_without_address(operand: bytes) -> None:
    with pytest.raises(NoAddressError):
        resolve_all(operand)


@pytest.mark.parametrize("operand", [b"x" * 64, b"x" * 64 + b".test", b".".join([b"x" * 63] * 4)])
def test_name_that_dns_has_no_room_for_is_a_protocol_error(operand: bytes) -> None:
    with pytest.raises(OSError, match=r"\[Errno 71\]"):
        resolve_all(operand)


def test_what_is_found_out_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {b"127.0.0.1": b"", b"127.0.0.2": None}
    monkeypatch.setattr(names, "find", answers.__getitem__)

    def answer(
        background: Background,
        local: tuple[bytes, int],
        remote: tuple[bytes, int],
        scope: int,
        timeout: float,
        deliver: Callable[[bytes | None], object],
        fail: Callable[[MemoryError], object],
    ) -> None:
        background.at(0.0, lambda: deliver(b"%d of %d at %d" % (remote[1], local[1], scope)))

    monkeypatch.setattr(ident, "query", answer)
    connection = Connection(-1, b"127.0.0.1", 1, b"127.0.0.2", 2, 3)
    serverlookups.look_up(connection, local=True, remote=True, info_timeout=1)
    assert (connection.local_host, connection.remote_host) == (b"", None)
    assert connection.remote_info == b"2 of 1 at 3"


def no_answer(ip: bytes) -> bytes | None:
    """Answer after the test is over."""
    select.select([], [], [], 30)
    return b"late"


def test_question_that_nobody_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serverlookups, "NAMES_TIMEOUT", 0.05)
    monkeypatch.setattr(names, "find", no_answer)
    connection = Connection(-1, b"127.0.0.1", 1, b"127.0.0.2", 2)
    serverlookups.look_up(connection, local=True, remote=False, info_timeout=0)
    assert connection.local_host is None
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # the program that we become has no child


def test_longest_time_is_one_that_poll_takes(listener: socket.socket) -> None:
    connect(b"127.0.0.1", listener.getsockname()[1], first=2**31 - 1, rest=2**31 - 1).close()
    assert client.LONGEST * 1000 < 2**31


@pytest.mark.parametrize("path", [b"/tmp\0/evil", b"x\0"])
def test_nul_ends_no_path(path: bytes) -> None:
    with pytest.raises(ConnectError) as raised:
        connect(b"unix:" + path, 0)
    assert raised.value.errno == errno.EINVAL


@pytest.mark.parametrize(
    "zone", [b"0", b"9" * 5000, b"0" * 5000 + b"9" * 9, "\u00b2".encode(), b"\xff", b"nosuch"]
)
def test_zone_that_is_no_interface_is_an_error(zone: bytes) -> None:
    with pytest.raises(ConnectError) as raised:
        connect(b"fe80::1%" + zone, 1)
    assert raised.value.errno == errno.ENODEV


def test_zone_is_a_number_or_a_name() -> None:
    number = b"%d" % socket.if_nametoindex("lo")
    for zone in (b"lo", number, b"0" * 5000 + number):
        assert client._index(zone.decode()) == int(number)
