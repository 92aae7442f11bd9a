"""The small clients with real servers: Python's for the web, ours with a finger program."""

import os
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.commands import ours
from tests.support.patience import PATIENCE
from tests.support.serving import COMMAND, ENVIRONMENT

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(3)]

FINGER = """\
read -r user
printf 'Login: %s\\r\\n\\033[2Jplan: \\303\\251\\r\\n' "$user"
"""


def run(*command: str, stdout: int = subprocess.PIPE) -> tuple[int, bytes, bytes]:
    done = subprocess.run(
        [*ours(command[0]), *command[1:]],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
        env=ENVIRONMENT,
    )
    return done.returncode, done.stdout or b"", done.stderr


class Quiet(SimpleHTTPRequestHandler):
    """Says nothing about its clients."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Give the port of a web server, and the folder that it serves."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield str(server.server_port), tmp_path
        server.shutdown()
        thread.join(PATIENCE)


@pytest.mark.parametrize("content", [b"", b"text\n\n\nmore\r\n\r\n", os.urandom(1 << 20)])
def test_page_comes_out_as_it_is(web: tuple[str, Path], content: bytes) -> None:
    port, folder = web
    (folder / "page").write_bytes(content)
    assert run("http@", "127.0.0.1", "page", port) == (0, content, b"")


def test_page_that_does_not_exist_is_still_printed(web: tuple[str, Path]) -> None:
    code, output, error = run("http@", "127.0.0.1", "nosuch", web[0])
    assert (code, b"404" in output, error) == (0, True, b"")


@pytest.fixture
def own_address() -> str:
    """Give an address of loopback that no other run of the tests uses, with the low ports for us."""
    pid = os.getpid()
    ip = f"127.{100 + (pid >> 16) % 100}.{(pid >> 8) & 255}.{pid & 255}"
    try:
        with socket.create_server((ip, 79)):
            return ip
    except PermissionError:
        pytest.skip("may not serve port 79: not root")


def test_finger_asks_a_program_under_our_tcpserver(own_address: str, tmp_path: Path) -> None:
    command = [*COMMAND, "-1RHl0", own_address, "79", "sh", "-c", FINGER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRONMENT, cwd=tmp_path) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"79\n"
            code, output, error = run("finger@", own_address, "joe $(x) \"'")
        finally:
            server.terminate()
    assert (code, error) == (0, b"")
    assert output == b"Login: joe $(x) \"'^M\n^[[2Jplan: M-CM-)\n"


def once(answer: bytes, broken_after: threading.Event | None = None) -> tuple[str, threading.Thread]:
    """Serve one client on a free port: an answer, then an end, or a reset after some event."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener, listener.accept()[0] as connection:
            connection.sendall(answer)
            if broken_after is not None:
                broken_after.wait(PATIENCE)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    server = threading.Thread(target=serve)
    server.start()
    return str(listener.getsockname()[1]), server


@pytest.mark.parametrize(
    ("program", "code", "before"), [("tcpcat", 111, []), ("http@", 0, ["page"])], ids=["tcpcat", "http@"]
)
def test_broken_connection_is_reported(program: str, code: int, before: list[str]) -> None:
    seen = threading.Event()
    port, server = once(b"\ntext", seen)
    command = [*ours(program), "127.0.0.1", *before, port]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT, bufsize=0
    ) as client:
        assert client.stdout is not None
        assert client.stderr is not None
        assert client.stdout.read(10).endswith(b"text")
        seen.set()
        assert client.wait(PATIENCE) == code
        complaint = f"{program}: fatal: unable to read from network: connection reset\n"
        assert client.stderr.read() == complaint.encode()
    server.join(PATIENCE)


def test_full_disk_is_one_clear_line() -> None:
    port, server = once(b"text")
    with open("/dev/full", "wb") as full:
        done = run("tcpcat", "127.0.0.1", port, stdout=full.fileno())
        server.join(PATIENCE)
    assert done == (111, b"", b"tcpcat: fatal: unable to write output: out of disk space\n")


@pytest.mark.parametrize(
    "command",
    [
        ["finger@", "127.0.0.9", "a\nb"],
        ["finger@", "127.0.0.9", "a\rb"],
        ["http@", "127.0.0.9", "x HTTP/1.0\r\nX: y"],
        ["http@", "127.0.0.9\nx"],
        ["http@", "127.0.0.9", "", "8\n0"],
    ],
)
def test_end_of_line_in_an_argument_is_refused(command: list[str]) -> None:
    complaint = f"{command[0]}: fatal: an argument holds the end of a line\n"
    assert run(*command) == (100, b"", complaint.encode())


@pytest.mark.parametrize("program", ["who@", "date@", "finger@", "http@", "tcpcat", "mconnect"])
def test_help_and_version_alone_are_answered(program: str) -> None:
    code, output, error = run(program, "--help")
    assert (code, error) == (0, b"")
    assert output.startswith(f"{program}: usage: {program} [ host".encode())
    assert run(program, "--version")[1].startswith(b"ucspi ")


def test_text_that_nobody_reads_any_more_ends_it_as_it_ends_cat() -> None:
    port, server = once(b"x" * 1_000_000)
    reader, writer = os.pipe()
    os.close(reader)
    done = run("tcpcat", "127.0.0.1", port, stdout=writer)
    server.join(PATIENCE)
    os.close(writer)
    assert done == (-13, b"", b"")
