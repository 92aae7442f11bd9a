"""Options of the kernel for listeners: keepalive, deferred accept, shared ports, interfaces, addresses."""

import errno
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE, wait_for
from tests.support.refusing import refuse
from tests.support.serving import COMMAND, ENVIRONMENT, hold, read_all, serving
from tests.support.unshared import run_unshared

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(3)]

TCP, SOCKET, IP = socket.IPPROTO_TCP, socket.SOL_SOCKET, socket.IPPROTO_IP
IP_FREEBIND = 15
LIVELINESS = (
    (SOCKET, socket.SO_KEEPALIVE),
    (TCP, socket.TCP_KEEPIDLE),
    (TCP, socket.TCP_KEEPINTVL),
    (TCP, socket.TCP_KEEPCNT),
    (TCP, socket.TCP_USER_TIMEOUT),
)
# Prints options of the connection.
TELL = f"""
import json, socket
connection = socket.socket(fileno=0)
kept = [connection.getsockopt(*option) for option in {LIVELINESS}]
device = connection.getsockopt({SOCKET}, {socket.SO_BINDTODEVICE}, 16).rstrip(b"\\0").decode()
print(json.dumps([kept, device]))
"""
TELLER = [sys.executable, "-c", TELL]


def system_values() -> list[int]:
    with socket.socket() as fresh:
        return [fresh.getsockopt(*option) for option in LIVELINESS]


def told(client: socket.socket) -> tuple[list[int], str]:
    """Return the options of a connection as its handler sees them, and the interface it is bound to."""
    with client:
        kept, device = json.loads(read_all(client))
        return kept, device


def refusal(options: list[str], before: Callable[[], None] | None = None) -> tuple[int, str]:
    """Return exit code and message of a server that cannot start."""
    command = [*COMMAND, *options, "127.0.0.1", "0", "true"]
    done = subprocess.run(command, capture_output=True, env=ENVIRONMENT, timeout=PATIENCE, preexec_fn=before)
    assert done.stdout == b""
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1, lines
    return done.returncode, lines[0].removeprefix("tcpserver: fatal: ")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::"])
def test_handler_has_the_values_of_keepalive(tmp_path: Path, host: str) -> None:
    with serving(tmp_path, ["-HRl0", "--keepalive", "11/12/13"], TELLER, host=host) as served:
        client = socket.create_connection(("127.0.0.1" if host == "::" else host, served.port), PATIENCE)
        assert told(client) == ([1, 11, 12, 13, 1000 * (11 + 12 * 13)], "")


def test_idle_time_alone_leaves_interval_and_count_to_the_system(tmp_path: Path) -> None:
    _, _, interval, count, _ = system_values()
    with serving(tmp_path, ["-HRl0", "--keepalive=30"], TELLER) as served:
        assert told(served.connect())[0] == [1, 30, interval, count, 1000 * (30 + interval * count)]


def test_largest_values_of_keepalive_are_accepted(tmp_path: Path) -> None:
    with serving(tmp_path, ["-HRl0", "--keepalive", "32767/32767/127"], TELLER) as served:
        assert told(served.connect())[0] == [1, 32767, 32767, 127, 2**31 - 1]


def test_without_the_option_the_handler_has_what_the_system_has(tmp_path: Path) -> None:
    with serving(tmp_path, ["-HRl0"], TELLER) as served:
        assert told(served.connect()) == (system_values(), "")


def test_passed_socket_gets_keepalive_too(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as given:
        options = ["-HRl0", "--keepalive", "5/6/7", "--listen-fd", str(given.fileno())]
        process = subprocess.Popen(
            [*COMMAND, *options, *TELLER], env=ENVIRONMENT, pass_fds=[given.fileno()], cwd=tmp_path
        )
        try:
            client = socket.create_connection(given.getsockname(), PATIENCE)
            # It may be accepted by the kernel before the server has set anything; the next one is not.
            read_all(client)
            client.close()
            assert told(socket.create_connection(given.getsockname(), PATIENCE))[0] == [1, 5, 6, 7, 47_000]
        finally:
            process.kill()
            process.wait(PATIENCE)


def test_only_keepalive_frees_the_slot_of_a_client_that_vanished(tmp_path: Path) -> None:
    run_unshared("tests.e2e.vanished_clients", str(tmp_path))


@pytest.mark.slow
def test_keepalive_ends_a_client_that_takes_nothing_while_there_is_something(tmp_path: Path) -> None:
    """Such a client still answers the kernel's probes: only TCP_USER_TIMEOUT ends it."""
    options = ["-vHRl0", "-c1", "--keepalive", "1/1/2"]
    with serving(tmp_path, options, ["cat", "/dev/zero"]) as served, served.connect():
        served.wait_for(lambda lines: any(line.startswith("tcpserver: end ") for line in lines))


def test_keepalive_leaves_a_client_alone_that_is_silent_and_there(tmp_path: Path) -> None:
    script = "read what; case $what in zeros) exec cat /dev/zero;; *) echo $what; exec cat;; esac"
    with (
        serving(tmp_path, ["-vHRl0", "--keepalive", "1/1/1"], ["sh", "-c", script]) as served,
        served.connect("127.0.0.2") as silent,
        served.connect() as greedy,
    ):
        silent.sendall(b"hello\n")
        assert silent.recv(6) == b"hello\n"
        greedy.sendall(b"zeros\n")
        # When the one that takes nothing is ended, probes have been sent to the other.
        served.wait_for(lambda lines: any(line.startswith("tcpserver: end ") for line in lines))
        silent.sendall(b"y")
        assert silent.recv(1) == b"y"


def test_two_servers_share_a_port(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with serving(tmp_path / "one", ["-HRl0", "--reuse-port"], ["echo", "one"]) as one:
        options = ["-HRl0", "--reuse-port", "--listen", f"127.0.0.1:{one.port}"]
        with serving(tmp_path / "two", options, ["echo", "two"]):
            said = set()

            def both_have_served() -> bool:
                with one.connect() as client:
                    said.add(read_all(client))
                return said == {b"one\n", b"two\n"}

            wait_for(both_have_served, "both servers to get clients")
        assert refusal(["--listen", f"127.0.0.1:{one.port}"]) == (111, "unable to bind: address already used")


def test_deferred_client_is_accepted_when_it_sends(tmp_path: Path) -> None:
    with serving(tmp_path, ["-vHRl0", "--defer-accept", "60"], ["cat"]) as served:
        with served.connect("127.0.0.2") as silent:
            hold(served, "127.0.0.3").close()
            lines = served.wait_for(lambda lines: any(line.startswith("tcpserver: end ") for line in lines))
            assert not any("from 127.0.0.2" in line for line in lines), "it was connected first"
            silent.sendall(b"x")
            assert silent.recv(1) == b"x"
        assert any(line.endswith("from 127.0.0.2") for line in served.lines())


def test_deferred_client_that_says_nothing_is_accepted_in_the_end(tmp_path: Path) -> None:
    options = ["-HRl0", "--defer-accept=1"]
    with serving(tmp_path, options, ["echo", "hello"]) as served, served.connect() as client:
        assert read_all(client) == b"hello\n"


def test_server_is_bound_to_an_interface(tmp_path: Path) -> None:
    with serving(tmp_path, ["-HRl0", "--bind-to-device", "lo"], TELLER) as served:
        assert told(served.connect()) == (system_values(), "lo")


def test_address_that_the_machine_does_not_have(tmp_path: Path) -> None:
    elsewhere = ["--listen", "192.0.2.9:7001", "--listen", "[2001:db8::9]:7001"]
    assert refusal(elsewhere) == (111, "unable to bind: address not available")
    options = ["-HRl0", "--free-bind", *elsewhere]
    with serving(tmp_path, options, ["echo", "here"]) as served, served.connect() as client:
        assert read_all(client) == b"here\n"


@pytest.mark.parametrize(
    ("options", "level", "number", "what"),
    [
        (["--keepalive", "1"], SOCKET, socket.SO_KEEPALIVE, "--keepalive"),
        (["--keepalive", "1/1/1"], TCP, socket.TCP_KEEPCNT, "--keepalive"),
        (["--keepalive", "1"], TCP, socket.TCP_USER_TIMEOUT, "--keepalive"),
        (["--defer-accept", "1"], TCP, socket.TCP_DEFER_ACCEPT, "--defer-accept"),
        (["--reuse-port"], SOCKET, socket.SO_REUSEPORT, "--reuse-port"),
        (["--free-bind"], IP, IP_FREEBIND, "--free-bind"),
        (["--bind-to-device", "lo"], SOCKET, socket.SO_BINDTODEVICE, "--bind-to-device lo"),
    ],
)
def test_option_that_the_kernel_does_not_have_is_refused(
    options: list[str], level: int, number: int, what: str
) -> None:
    for error, reason in (
        (errno.ENOPROTOOPT, "this kernel has no such option; leave it out"),
        (errno.EPERM, "permission denied; it may need CAP_NET_RAW"),
        (errno.EINVAL, "invalid argument"),
    ):
        without = refuse("setsockopt", error, a1=level, a2=number)
        assert refusal(options, without) == (111, f"unable to set {what}: {reason}")


def test_interface_that_there_is_not_is_refused() -> None:
    expected = "unable to set --bind-to-device none0: there is no such interface"
    assert refusal(["--bind-to-device", "none0"]) == (111, expected)


KEEPALIVE_WANTS = (
    "--keepalive wants IDLE or IDLE/INTERVAL/COUNT, seconds from 1 to 32767 and a count from 1 to 127, not "
)
INTERFACE = "the name of an interface, at most 15 bytes"


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        *(
            (f"--keepalive={value}", KEEPALIVE_WANTS + (value or "nothing"))
            for value in (
                "",
                "0",
                "x",
                "-1",
                "1.5",
                "32768",
                "1/2",
                "1/0/3",
                "1/32768/3",
                "1/2/128",
                "1/2/3/4",
                "1//3",
            )
        ),
        ("--keepalive=" + "9" * 5000, KEEPALIVE_WANTS + "9" * 100),
        *(
            (
                f"--defer-accept={value}",
                f"--defer-accept wants seconds from 1 to 32767, not {value or 'nothing'}",
            )
            for value in ("", "0", "x", "32768", " 1")
        ),
        *(
            (
                f"--bind-to-device={value}",
                f"--bind-to-device wants {INTERFACE}, not {value or 'nothing'}",
            )
            for value in ("", "x" * 16)
        ),
    ],
)
def test_value_that_makes_no_sense_is_refused(option: str, expected: str) -> None:
    assert refusal([option]) == (100, expected)


@pytest.mark.parametrize("option", ["--reuse-port", "--free-bind", "--bind-to-device=lo"])
def test_option_for_binding_is_refused_where_all_sockets_are_passed(option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as given:
        command = [*COMMAND, option, "--listen-fd", "0", "true"]
        done = subprocess.run(
            command, stdin=given.fileno(), capture_output=True, env=ENVIRONMENT, timeout=PATIENCE
        )
    word = option.partition("=")[0]
    expected = (
        f"tcpserver: fatal: {word} comes too late for a socket that is passed; set it where that is opened\n"
    )
    assert (done.returncode, done.stderr.decode()) == (100, expected)


def test_option_of_tcp_is_refused_where_all_sockets_are_of_the_unix_domain(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as given:
        given.bind(str(tmp_path / "s"))
        given.listen()
        command = [*COMMAND, "--keepalive", "5", "--listen-fd", "0", "true"]
        done = subprocess.run(
            command, stdin=given.fileno(), capture_output=True, env=ENVIRONMENT, timeout=PATIENCE
        )
    expected = b"tcpserver: fatal: --keepalive is of TCP, and there are only sockets of the UNIX domain\n"
    assert (done.returncode, done.stderr) == (100, expected)


def test_sockets_of_the_unix_domain_beside_tcp_are_served_without_it(tmp_path: Path) -> None:
    path = tmp_path / "s"
    options = ["-HRl0", "--keepalive=5", "--defer-accept=9", "--reuse-port", "--free-bind"]
    with (
        serving(tmp_path, [*options, "--listen", f"unix:{path}"], ["echo", "served"]),
        socket.socket(socket.AF_UNIX) as client,
    ):
        client.settimeout(PATIENCE)
        client.connect(str(path))
        assert read_all(client) == b"served\n"
