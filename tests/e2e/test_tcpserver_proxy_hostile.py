"""Headers that come late, in pieces, too long or not at all, and whoever sends many of these."""

import os
import resource
import signal
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.balanced import BARE, SHOW, TRUST, UID, V1, ask, connect_unix, reasons, shown, talk
from tests.support.failing_steps import fail, failing
from tests.support.patience import PATIENCE, wait_for
from tests.support.processes import descriptors, status
from tests.support.proxy_headers import AUTHORITY, INET, NOOP, Captured, binary, captured, entry
from tests.support.serving import Served, hold, read_all, serving
from ucspi.unix import native

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(3)]

DATA = b"\r\nPROXY\0\xff"
V2 = binary(INET)
SOUND = [sent for sent in captured() if not sent.is_malformed]
LONG = {row.row: row.header for row in captured()}["57"]


def reset(client: socket.socket) -> None:
    """Close a connection by a reset."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def of_size(size: int) -> bytes:
    """Return a header of version 2 of so many bytes."""
    return binary(INET + entry(NOOP, bytes(size - len(V2) - 3)))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    options = [*TRUST, "--timeout-proxy", "300", "--listen", "unix:./s"]
    with serving(tmp_path_factory.mktemp("hostile"), options, SHOW, command=BARE) as running:
        yield running


@pytest.mark.parametrize(
    "header", [V1, V2, LONG, b"PROXY UNKNOWN 1\r\n"], ids=["v1", "v2", "tlvs", "unknown"]
)
@pytest.mark.parametrize("family", ["tcp", "unix"])
def test_header_may_come_byte_by_byte(served: Served, header: bytes, family: str) -> None:
    if family == "tcp":
        client = served.connect()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    else:
        client = connect_unix(served.log.parent / "s")
    whole, _ = ask(served, header)
    variables, data = shown(talk(client, *[bytes([byte]) for byte in header + DATA]))
    assert data == DATA
    assert variables["TCPPROXYIP"] == ("127.0.0.1" if family == "tcp" else f"unix.{UID}")
    if whole["TCPREMOTEIP"] != "127.0.0.1":
        assert variables["TCPREMOTEIP"] == whole["TCPREMOTEIP"]


@pytest.mark.parametrize("header", [V1, V2, LONG], ids=["v1", "v2", "tlvs"])
def test_header_may_be_cut_anywhere_and_nothing_behind_it_is_taken(served: Served, header: bytes) -> None:
    for cut in range(1, len(header) + len(DATA), 5):
        text = header + DATA
        client = served.connect()
        client.sendall(text[:cut])
        if cut % 2:
            hold_and_leave(served)  # the first piece has been read
        assert shown(talk(client, text[cut:]))[1] == DATA


def hold_and_leave(served: Served) -> None:
    """See a client served that comes later."""
    with served.connect("127.0.0.2") as other:
        assert other.recv(6) == b"PROTO="


@pytest.mark.parametrize(
    "sent",
    [sent for sent in captured() if not sent.is_malformed],
    ids=lambda sent: f"{sent.row} {sent.sender}",
)
def test_header_of_a_real_sender_may_come_in_two_pieces(served: Served, sent: Captured) -> None:
    whole, _ = ask(served, sent.header)
    for cut in {1, len(sent.header) // 2, len(sent.header) - 1, len(sent.header) + 3}:
        client = served.connect()
        client.sendall((sent.header + DATA)[:cut])
        hold_and_leave(served)  # the first piece has been read
        variables, data = shown(talk(client, (sent.header + DATA)[cut:]))
        assert data == DATA
        for name in ("TCPREMOTEIP", "TCPLOCALIP", "PROTO", "SSL_PROTOCOL", "SSL_TLS_SNI_SERVERNAME"):
            assert variables.get(name) == whole.get(name), (cut, name)


def test_header_with_nothing_behind_it_is_enough(served: Served) -> None:
    for header in (V1, V2):
        with served.connect() as client:
            client.sendall(header)
            assert client.recv(6) == b"PROTO="


@pytest.mark.parametrize(
    "sent", [b"", V1[:-1], V2[:-1], V2[:12], b"P"], ids=["nothing", "v1", "v2", "v2 head", "P"]
)
def test_connection_that_ends_in_its_header_is_dropped_with_a_line(served: Served, sent: bytes) -> None:
    said = f"only {len(sent)} bytes of a PROXY header came from 127.0.0.1 before the end"
    before = reasons(served).count(said)
    assert talk(served.connect(), sent) == b""
    wait_for(lambda: reasons(served).count(said) == before + 1, served.log.read_text)


def test_reset_in_a_header_is_told_and_behind_one_is_the_handlers_own(served: Served) -> None:
    for pause in (False, True):
        client = served.connect()
        client.sendall(V1[:20])
        if pause:
            hold_and_leave(served)
        reset(client)
    wait_for(
        lambda: sum("20 bytes" in why for why in reasons(served)) == 2,
        served.log.read_text,
    )
    ends = sum(" end " in line for line in served.lines())
    client = served.connect()
    client.sendall(V1)
    reset(client)
    served.wait_for(lambda lines: sum(" end " in line for line in lines) > ends)
    hold_and_leave(served)


@pytest.mark.parametrize(
    "sent",
    [
        b"EHLO example\r\n",
        b"proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
        b"PROXY TCP4 ::1 1.2.3.4 1 2\r\n",
        b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
        b"PROXY UNKNOWN " + b"x" * 100000,
        binary(INET, command=0x22),
        binary(INET, command=0x31),
        binary(INET + entry(AUTHORITY, b"x", 2)),
        binary(INET[:-1]),
        bytes(70000),
    ],
    ids=lambda sent: repr(sent[:24]),
)
def test_what_is_no_header_is_never_served(served: Served, sent: bytes) -> None:
    before, oks = len(reasons(served)), sum(" ok " in line for line in served.lines())
    assert talk(served.connect(), sent) == b""
    wait_for(lambda: len(reasons(served)) == before + 1, served.log.read_text)
    assert reasons(served)[-1].endswith(" from 127.0.0.1")
    served.wait_for(lambda lines: lines[-1] == "tcpserver: status: 0/40")
    assert sum(" ok " in line for line in served.lines()) == oks


def test_long_header_is_refused_by_its_length_unless_it_may_be_so_long(
    tmp_path: Path, served: Served
) -> None:
    variables, data = ask(served, of_size(4096) + DATA)
    assert (variables["TCPREMOTEIP"], data) == ("192.0.2.1", DATA)
    before = len(reasons(served))
    with served.connect() as client:
        client.sendall(of_size(4097)[:16])  # it need not come to be refused
        assert read_all(client) == b""
    wait_for(lambda: len(reasons(served)) > before, "a line")
    assert "4097 bytes" in reasons(served)[-1]
    options = [*TRUST, "--proxy-max", "65551"]
    with serving(tmp_path, options, SHOW, command=BARE) as other:
        longest = of_size(65551)
        assert ask(other, longest + DATA)[1] == DATA
        assert ask(other, longest[:30000], longest[30000:] + DATA)[1] == DATA


def test_late_header_is_dropped_with_the_five_lines(tmp_path: Path) -> None:
    with serving(tmp_path, [*TRUST, "--timeout-proxy", "1"], ["cat"]) as served:
        start = time.monotonic()
        with served.connect() as silent, served.connect() as slow:
            slow.sendall(V2[:14])
            assert read_all(silent) == b""
            assert read_all(slow) == b""
        assert time.monotonic() - start > 0.9
        pid = served.process.pid
        lines = served.wait_for(lambda lines: len(lines) == 11)
        for number, count in enumerate((0, 14)):
            why = f"only {count} bytes of a PROXY header came from 127.0.0.1 in 1 seconds"
            assert lines[1 + 5 * number : 6 + 5 * number] == [
                "tcpserver: status: 0/40",
                f"tcpserver: pid {pid} from 127.0.0.1",
                f"tcpserver: warning: dropping connection, {why}",
                f"tcpserver: end {pid} status 28416",
                "tcpserver: status: 0/40",
            ]


def test_sender_that_never_ends_its_header_is_bounded_too(tmp_path: Path) -> None:
    """The time counts from the connection on, not from the last byte."""
    with serving(tmp_path, [*TRUST, "--timeout-proxy", "1"], ["cat"]) as served, served.connect() as client:
        start = time.monotonic()
        client.setblocking(False)
        sent, is_open = 0, True
        while is_open:
            assert time.monotonic() - start < PATIENCE
            try:
                if sent < 4000:
                    client.send(of_size(4096)[sent : sent + 1])
                    sent += 1
                is_open = client.recv(1) != b""
            except BlockingIOError:
                time.sleep(0.005)
            except ConnectionError:
                is_open = False
        wait_for(lambda: reasons(served), "a line")
        assert "in 1 seconds" in reasons(served)[0]


@pytest.mark.parametrize(("places", "count"), [(None, 1100), (40, 30)], ids=["default", "40 places"])
def test_one_address_has_half_of_the_places_and_others_are_served(
    tmp_path: Path, places: int | None, count: int
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 3 * count:
        pytest.skip(f"only {hard} descriptors may be open")
    options = [*TRUST, "--timeout-proxy", "300", *(["--pending", str(places)] if places else [])]
    half = (places or 1024) // 2
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3 * count), hard))
    try:
        with serving(tmp_path, options, SHOW, command=BARE) as served:
            clients = []
            for _ in range(count):
                clients.append(served.connect())
                clients[-1].sendall(V1[:20])
            wait_for(lambda: len(reasons(served)) == count - half, lambda: str(len(reasons(served))))
            assert f"{half} clients from there are pending" in reasons(served)[0]
            for client in clients[: count - half]:
                assert read_all(client) == b""  # the oldest ones
            assert ask(served, V1 + DATA)[1] == DATA  # at once
            for client in clients[-3:]:
                assert shown(talk(client, V1[20:] + DATA))[1] == DATA
            for client in clients:
                client.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_beyond_all_places_the_oldest_has_to_go(tmp_path: Path) -> None:
    options = ["-vHRl0", "--proxy-from", "127.0.0.0/8", "--timeout-proxy", "300", "--pending", "4"]
    with serving(tmp_path, options, ["cat"]) as served:
        clients = [served.connect(f"127.0.0.{1 + number % 3}") for number in range(5)]
        wait_for(lambda: reasons(served), "a line")
        came, why = reasons(served)[0].split(", and ")
        assert came == "only 0 bytes of a PROXY header came from 127.0.0.1"
        assert why == "its place is needed: 4 clients are pending (--pending)"
        assert read_all(clients[0]) == b""
        for client in clients[1:]:
            client.sendall(V1 + b"x")
            assert client.recv(1) == b"x"
            client.close()


def test_without_descriptors_the_oldest_has_to_go(tmp_path: Path) -> None:
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))

    options = ["-vHRl0", "--proxy-from", "127.0.0.0/8", "--timeout-proxy", "300"]
    with serving(tmp_path, options, ["cat"], before=few) as served:
        clients = [served.connect(f"127.0.0.{1 + number}") for number in range(60)]
        assert talk(served.connect(), V1, DATA) == DATA
        assert "process cannot open more files" in reasons(served)[0]
        assert not [line for line in served.lines() if "pausing" in line]
        assert talk(clients[-1], V1, DATA) == DATA
        for client in clients:
            client.close()


def helpers(served: Served) -> list[int]:
    """Return the processes that wait for clients of a server."""
    pid = served.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if status(int(child)).get("Name") == "tcpserver-waits"]


@pytest.mark.skipif(native.lib is None, reason="the helper has its name only with the compiled module")
def test_killed_helper_costs_those_that_it_waited_for(tmp_path: Path) -> None:
    options = ["-vHRl0", "--proxy-from", "127.0.0.0/8", "--timeout-proxy", "300"]
    with serving(tmp_path, options, ["cat"]) as served:
        clients = [served.connect(f"127.0.0.{1 + number % 5}") for number in range(60)]
        for client in clients:
            client.sendall(V1[:20])
        assert talk(served.connect(), V1, DATA) == DATA
        wait_for(lambda: helpers(served), "the helper to have its name")
        (helper,) = helpers(served)
        assert talk(clients[0], V1[20:], DATA) == DATA
        assert talk(clients[-1], V1[20:], DATA) == DATA
        assert descriptors(served.process.pid) < 50
        os.kill(helper, signal.SIGKILL)
        wait_for(lambda: len(reasons(served)) == 27, lambda: str(reasons(served)))
        assert set(reasons(served)) == {"the process that waited for it has died, or has no descriptor left"}
        assert talk(clients[1], V1[20:], DATA) == DATA
        assert read_all(clients[-2]) == b""
        for client in clients:
            client.close()
        assert talk(served.connect(), V1, DATA) == DATA
        assert served.stop() == 0


@pytest.mark.slow
def test_helper_ends_with_its_server(tmp_path: Path) -> None:
    options = ["-vHRl0", "--proxy-from", "127.0.0.0/8", "--timeout-proxy", "300"]
    for number in (signal.SIGTERM, signal.SIGKILL):
        with serving(tmp_path, options, ["cat"]) as served:
            clients = [served.connect(f"127.0.0.{1 + number % 5}") for number in range(60)]
            assert talk(served.connect(), V1, DATA) == DATA
            pid = served.process.pid
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            assert children
            served.process.send_signal(number)
            for client in clients:
                assert read_all(client) == b""  # nobody holds it any more
            wait_for(lambda: not any(status(int(child)) for child in children), "the helper's end")  # noqa: B023


STEPS = [
    "ucspi.tcp.server.networks.Networks._contains",
    "ucspi.tcp.server.proxyheaders.parse",
    "ucspi.tcp.server.proxyheaders.Balancer",
    "ucspi.tcp.server.proxieddoor.Balancer",
    "ucspi.tcp.server.proxieddoor.Connection",
    "ucspi.tcp.server.proxyheaders._Waiting",
    "ucspi.tcp.server.pending._Place",
    "ucspi.tcp.server.pending.network",
    "ucspi.tcp.background.Background.at",
    "ucspi.tcp.background.Background.watch",
    "ucspi.tcp.server.census._add",
    "ucspi.tcp.server.entrance.Pending.wait_for_room",
]


@pytest.mark.parametrize("is_held", [False, True], ids=["at once", "in pieces"])
def test_step_without_memory_costs_its_client_and_no_other(tmp_path: Path, is_held: bool) -> None:
    with serving(
        tmp_path,
        [*TRUST, "--listen", "[::1]:0", "--proxy-from", "::1,127.0.0.1"],
        ["cat"],
        command=failing(tmp_path, STEPS),
    ) as served:
        (port6,) = served.more_ports(1)
        hold(served, "127.0.0.2").close()
        served.wait_for(lambda lines: lines[-1] == "tcpserver: status: 0/40" and len(lines) > 2)
        before = descriptors(served.process.pid)
        for step in STEPS:
            fail(tmp_path, step)
            if not is_held:
                served.process.send_signal(signal.SIGSTOP)  # so that all is there when it accepts
            client = socket.create_connection(("::1", port6), PATIENCE)
            if is_held:
                client.sendall(V1[:20])
                try:
                    hold(served, "127.0.0.2").close()
                except (ConnectionError, AssertionError):
                    pass  # the step was one of this client
                answer = talk(client, V1[20:], DATA)
            else:
                client.sendall(V1)
                served.process.send_signal(signal.SIGCONT)
                answer = talk(client, b"", DATA)
            assert answer in (b"", DATA), step
            (tmp_path / "fails").unlink(missing_ok=True)
            assert talk(socket.create_connection(("::1", port6), PATIENCE), V1, DATA) == DATA, step
        served.wait_for(lambda lines: lines[-1] == "tcpserver: status: 0/40")
        wait_for(lambda: descriptors(served.process.pid) == before, "all descriptors to be closed")
        # With the compiled module two of the steps are left for whom the door has taken the header from.
        least = 3 if is_held or native.lib is None else 2
        assert len([why for why in reasons(served) if "memory" in why]) >= least
        assert served.stop() == 0
