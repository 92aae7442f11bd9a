"""``ucspi demo`` and ``ucspi connect``, as a newcomer uses them."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import COMMANDS, ours
from tests.support.launchers import is_launched
from tests.support.patience import PATIENCE
from tests.support.world import read_until

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(3)]

UCSPI = ours("ucspi")


class Demo:
    """A running demonstration, and what it said so far."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self.process, self._output = process, process.stdout.fileno()
        self.said = ""
        self.wait_for("status: 0/3")

    def wait_for(self, text: str) -> None:
        """Read on until a text was said."""
        if text not in self.said:
            self.said += read_until(self._output, text.encode(), patience=PATIENCE).decode()
        assert text in self.said

    def fact(self, pattern: str) -> str:
        found = re.search(pattern, self.said, re.MULTILINE)
        assert found, self.said
        return found[1]

    @property
    def folder(self) -> Path:
        return Path(self.fact(r"^The service in (.*) listens"))

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture
def start(tmp_path: Path) -> Iterator["Start"]:
    made = Start(tmp_path)
    yield made
    made.end()


class Start:
    """Start demonstrations; all are over when the test is."""

    def __init__(self, temporary: Path) -> None:
        self.environment = {**os.environ, "TMPDIR": str(temporary)}
        self._processes: list[subprocess.Popen[bytes]] = []

    def __call__(self, *arguments: str) -> Demo:
        process = subprocess.Popen(
            [*UCSPI, "demo", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._processes.append(process)
        return Demo(process)

    def end(self) -> None:
        for process in self._processes:
            process.terminate()
            process.wait(PATIENCE)
            if process.stdout:
                process.stdout.close()


def typed(line: str, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a line as in another terminal: from another place, with nothing of our environment."""
    bare = {"PATH": "/usr/bin:/bin"}
    return subprocess.run(
        ["/bin/sh", "-c", line],
        input=text,
        capture_output=True,
        cwd="/",
        env=bare,
        timeout=PATIENCE,
        check=False,
    )


def test_the_first_line_to_type_reaches_the_service(start: Start) -> None:
    demo = start()
    answer = typed(demo.fact(r"rules allow:\n  (.*)"), b"hello\n")
    assert answer.returncode == 0
    assert answer.stdout.startswith(b"Welcome to the ucspi demo.")
    assert answer.stdout.endswith(b"Ctrl-D ends it.\r\nhello\n")
    for fact in (b"PROTO=TCP", b"TCPREMOTEIP=127.0.0.1", b"DEMO=set by the rule for 127.0.0.1"):
        assert b"\r\n  " + fact + b"\r\n" in answer.stdout


def test_its_scripts_run_our_commands_by_their_whole_path(start: Start) -> None:
    """Had Python to look for the package, the folder or a variable could have another one."""
    demo = start()
    for script in ("run", "make_cdb"):
        text = (demo.folder / script).read_text()
        if is_launched():
            assert f"\n{COMMANDS}/ucspi tcp" in text
            assert "python" not in text
        else:
            assert " -I -m ucspi tcp" in text


def test_the_second_line_to_type_is_cut_off(start: Start) -> None:
    demo = start()
    line = demo.fact(r"they deny:\n  (.*)")
    answer = typed(f"{{ {line}; }} 2>&1", b"")
    assert b"Welcome" not in answer.stdout
    demo.wait_for("tcpserver: deny ")


def test_the_log_is_shown_live(start: Start) -> None:
    demo = start()
    typed(demo.fact(r"rules allow:\n  (.*)"))
    demo.wait_for("status 0\n")
    assert re.search(r"\ntcpserver: pid (\d+) from 127\.0\.0\.1\ntcpserver: ok \1 0:127\.0\.0\.1:", demo.said)


def test_new_rules_count_from_the_next_client_on(start: Start) -> None:
    demo = start()
    (demo.folder / "tcp.demo").write_text(":deny\n")
    made = typed(demo.fact(r"edit .*, then:\n  (.*)"))
    assert (made.returncode, made.stderr) == (0, b"")
    assert b"Welcome" not in typed(demo.fact(r"rules allow:\n  (.*)")).stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_stops_cleanly_and_leaves_nothing(start: Start, number: int) -> None:
    demo = start()
    folder, port = demo.folder, int(demo.fact(r"port (\d+)\.$"))
    with socket.create_connection(("127.0.0.1", port)) as client:
        assert client.recv(10)
        assert demo.stop(number) == 0
        while client.recv(4096):
            pass
    assert not folder.exists()
    assert demo.process.stdout is not None
    assert b"Traceback" not in demo.process.stdout.read()


def test_a_taken_port_is_replaced_but_not_one_that_was_asked_for(start: Start) -> None:
    first, second = start(), start()
    ports = [demo.fact(r"port (\d+)\.$") for demo in (first, second)]
    assert len(set(ports)) == 2
    done = complain("--port", ports[0])
    assert done == f"demo: fatal: unable to use port {ports[0]}: address already used\n"


def test_a_named_folder_is_kept_and_so_are_its_rules(start: Start, tmp_path: Path) -> None:
    named = tmp_path / "my demo"
    demo = start(str(named))
    assert demo.stop() == 0
    assert {entry.name for entry in named.iterdir()} == {"run", "make_cdb", "tcp.demo", "tcp.demo.cdb"}
    (named / "tcp.demo").write_text("127.0.0.2:allow\n:deny\n")
    again = start(str(named))
    assert b"Welcome" in typed(again.fact(r"they deny:\n  (.*)")).stdout


def test_a_reader_of_its_output_that_has_gone_ends_it(start: Start) -> None:
    demo = start()
    folder = demo.folder
    assert demo.process.stdout is not None
    demo.process.stdout.close()
    typed(demo.fact(r"rules allow:\n  (.*)"))
    assert demo.process.wait(PATIENCE) == 111
    assert not folder.exists()


def complain(*arguments: str) -> str:
    """Return the one line with which the demonstration refuses to start."""
    done = subprocess.run(
        [*UCSPI, "demo", *arguments], capture_output=True, timeout=PATIENCE, check=False, text=True
    )
    assert (done.returncode in (100, 111), done.stdout, done.stderr.count("\n")) == (True, "", 1)
    return done.stderr


@pytest.mark.parametrize("port", ["0", "65536", "99999999", "telnet", "-1", ""])
def test_a_bad_port_is_named(port: str) -> None:
    assert complain("--port", port) == f"demo: the port must be a number from 1 to 65535, not '{port}'\n"


@pytest.mark.parametrize("arguments", [("--prot", "1"), ("-v",), ("one", "two")])
def test_wrong_arguments_end_in_the_usage(arguments: tuple[str, ...]) -> None:
    assert complain(*arguments).endswith("usage: ucspi demo [ --port port ] [ folder ]\n")


def test_a_folder_of_somebody_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("#!/bin/sh\nexec important\n")
    assert "in use for something else" in complain(str(tmp_path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert complain(str(tmp_path / "file" / "x")) == (
        f"demo: fatal: unable to use {tmp_path}/file/x: not a directory\n"
    )


def test_the_greeting_can_do_nothing_to_a_terminal() -> None:
    hostile = {**os.environ, "TCPREMOTEINFO": "\x1b[2J\r\nroot", "PROTO": "TCP"}
    done = subprocess.run(
        [*UCSPI, "demo", "--handler"],
        input=b"",
        capture_output=True,
        env=hostile,
        timeout=PATIENCE,
        check=False,
    )
    assert b"  TCPREMOTEINFO=?[2J??root\r\n" in done.stdout


class TestConnect:
    def run(self, *arguments: str, text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*UCSPI, "connect", *arguments], input=text, capture_output=True, timeout=PATIENCE, check=False
        )

    @pytest.mark.parametrize(
        ("arguments", "code", "line"),
        [
            (["127.0.0.1"], 100, "connect: usage: ucspi connect [ --from address ] host port"),
            (["127.0.0.1", "x"], 100, "connect: the port must be a number from 1 to 65535, not x"),
            (
                ["127.0.0.1", "0655350"],
                100,
                "connect: the port must be a number from 1 to 65535, not 0655350",
            ),
            (["--frm", "::1", "h", "1"], 100, "connect: unknown option --frm; usage: "),
            (["--from"], 100, "connect: --from needs an address; usage: "),
            (["--from", "300.1.1.1", "127.0.0.1", "9"], 111, "connect: fatal: unable to bind to 300.1.1.1: "),
            (["--from=::1", "127.0.0.1", "9"], 111, "connect: fatal: no address for 127.0.0.1"),
        ],
    )
    def test_wrong_arguments_end_in_one_line(self, arguments: list[str], code: int, line: str) -> None:
        done = self.run(*arguments)
        assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (code, b"", 1)
        assert done.stderr.decode().startswith(line)

    def test_a_closed_port_is_named(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))  # not listening
            port = unused.getsockname()[1]
            done = self.run("127.0.0.1", str(port))
        assert done.returncode == 111
        assert done.stderr.decode() == (
            f"connect: fatal: unable to connect to 127.0.0.1 port {port}: connection refused\n"
        )

    @pytest.mark.parametrize(
        ("host", "line"),
        [
            ("127.1", "unable to connect to 127.1 port {}: connection refused"),
            ("2130706433", "unable to connect to 2130706433 port {}: connection refused"),
            ("::ffff:127.0.0.1", "unable to connect to ::ffff:127.0.0.1 port {}: connection refused"),
            ("", "no address for "),
            ("1.2.3.4.5.6.7.8", "no address for 1.2.3.4.5.6.7.8"),
            ("[::1]", "no address for [::1]"),
            ("x" * 64, "no address for " + "x" * 64),
        ],
    )
    def test_host_is_what_the_system_resolver_takes(self, host: str, line: str) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))  # not listening
            port = unused.getsockname()[1]
            done = self.run(host, str(port))
        assert (done.returncode, done.stdout) == (111, b"")
        assert done.stderr.decode() == f"connect: fatal: {line.format(port)}\n"

    def test_more_than_all_buffers_hold_goes_both_ways(self) -> None:
        """An echo that is slower than its input must not lock both sides up."""
        text = os.urandom(1 << 20) * 3
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = subprocess.Popen(
                [*UCSPI, "connect", "--from", "127.0.0.9", *map(str, listener.getsockname())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            connection, (source, _) = listener.accept()
            echo = subprocess.Popen(["cat"], stdin=connection.fileno(), stdout=connection.fileno())
            connection.close()
            answer, _ = client.communicate(text, timeout=PATIENCE)
            assert echo.wait(PATIENCE) == 0
        assert source == "127.0.0.9"
        assert answer == text

    def test_it_says_who_closed_when_input_was_to_come(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = subprocess.Popen(
                [*UCSPI, "connect", *map(str, listener.getsockname())],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            listener.accept()[0].close()
            assert client.wait(PATIENCE) == 0
            assert client.communicate()[1] == b"connect: closed by 127.0.0.1\n"

    def test_a_reader_that_has_gone_is_named(self) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = subprocess.Popen(
                [*UCSPI, "connect", *map(str, listener.getsockname())],
                stdin=subprocess.PIPE,
                stdout=writer,
                stderr=subprocess.PIPE,
            )
            os.close(writer)
            with listener.accept()[0] as connection:
                connection.sendall(b"hello")
                assert client.wait(PATIENCE) == 111
        assert client.communicate()[1] == b"connect: fatal: unable to write output: broken pipe\n"
