"""Functions that serve a connection: behind our server and the original, behind tcpclient, and in trouble."""

import json
import os
import select
import signal
import socket
import struct
import subprocess
from pathlib import Path

import pytest

import ucspi.cdb
from tests.support.commands import ENVIRONMENT, ours, run
from tests.support.launchers import is_launched
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE
from tests.support.serving import COMMAND, Served, read_all, serving

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(3)]

MODULE = """\
import json, os, subprocess, sys, time


def tell(client, *arguments):
    environ = subprocess.run(["env", "-0"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL).stdout
    names = ("protocol", "remote_ip", "remote_port", "remote_host", "remote_info", "local_ip", "local_port")
    told = {name: getattr(client, name) for name in names}
    told.update(arguments=arguments, argv=sys.argv, line=client.reader.readline().decode())
    told.update(kind=client.environ.get("KIND"), descriptors=[client.input, client.output])
    told["environ"] = dict(os.environ)
    told["child"] = environ.decode("latin-1")
    client.writer.write(json.dumps(told).encode())


def code(client, number):
    return int(number)


def leave(client, *why):
    sys.exit(*map(eval, why))


def fail(client):
    client.writer.write(b"so far")
    raise ValueError("out of luck")


def replace_output(client):
    client.writer.write(b"so far")
    sys.stdout = object()


def die(client):
    raise GeneratorExit


def wrong(client):
    return "done"


def write(client, flush):
    client.reader.read(1)
    client.reader.peek()
    for _ in range(5):
        client.writer.write(b"x" * 10000)
        if flush == "flush":
            client.writer.flush()
        time.sleep(0.02)


def read(client):
    client.writer.write(b"hello")
    client.writer.flush()
    client.reader.read()


def close(client, *numbers):
    client.writer.write(b"held")
    for number in numbers:
        os.close(int(number))


def show(client):
    print("printed", flush=False)


class Nested:
    @staticmethod
    def serve(client):
        client.writer.write(b"nested")


number = 5
"""
FAULTS = {
    "unable to import nowhere: ModuleNotFoundError: No module named 'nowhere'": "nowhere:serve",
    "unable to import broken: ZeroDivisionError: division by zero (DIR/broken.py, line 2)": "broken:serve",
    "unable to import lacking: ModuleNotFoundError: No module named 'nowhere' (DIR/lacking.py, line 1)": (
        "lacking:serve"
    ),
    "unable to import exits: SystemExit: 0 (DIR/exits.py, line 1)": "exits:serve",
    "unable to import wild: KeyboardInterrupt (DIR/wild.py, line 1)": "wild:serve",
    "unable to import crooked: SyntaxError: invalid syntax (crooked.py, line 1)": "crooked:serve",
    "unable to import .handler: ": ".handler:serve",
    "unable to find nobody in DIR/handler.py: AttributeError: module 'handler' has no attribute 'nobody'": (
        "handler:nobody"
    ),
    "number in DIR/handler.py is no function": "handler:number",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a directory with modules."""
    (tmp_path / "handler.py").write_text(MODULE)
    (tmp_path / "broken.py").write_text("\n1 / 0\n")
    (tmp_path / "lacking.py").write_text("import nowhere\n")
    (tmp_path / "exits.py").write_text("raise SystemExit(0)\n")
    (tmp_path / "wild.py").write_text("raise KeyboardInterrupt\n")
    (tmp_path / "crooked.py").write_text("def\n")
    return tmp_path


@pytest.fixture(params=["original", "ours"])
def command(request: pytest.FixtureRequest, oracle: Oracle) -> list[str]:
    """Give the original tcpserver, then ours."""
    return [oracle("tcpserver")] if request.param == "original" else list(COMMAND)


def handler(*arguments: str) -> list[str]:
    return [*ours("pyhandler"), *arguments]


def end(served: Served) -> tuple[int, list[str]]:
    """Return the status of the only client, and the lines that are not the server's."""
    lines = served.wait_for(lambda lines: any(line.startswith("tcpserver: end ") for line in lines))
    (status,) = [int(line.split()[-1]) for line in lines if line.startswith("tcpserver: end ")]
    return status, [line for line in lines if not line.startswith("tcpserver: ")]


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.oracle
def test_function_gets_its_client(command: list[str], folder: Path) -> None:
    with ucspi.cdb.create(folder / "r.cdb") as writer:
        writer.add(b"127.0.0.1", b"+KIND=friend\0+HUGE=" + b"h" * 50000 + b"\0+ODD=\xff\0")
    line = handler("handler:tell", "a", "", "\udcfe")
    with (
        serving(folder, ["-vHRl0", "-x", "r.cdb"], line, command=command) as served,
        served.connect() as client,
    ):
        client.sendall(b"hello\nmore")
        told = json.loads(read_all(client))
        assert end(served) == (0, [])
        assert told.pop("remote_port") == told["environ"]["TCPREMOTEPORT"] == str(client.getsockname()[1])
    entries = told.pop("child").encode("latin-1").split(b"\0")[:-1]
    environ = {name.encode("utf-8", "surrogateescape"): value for name, value in told.pop("environ").items()}
    pairs = [entry.partition(b"=")[::2] for entry in entries]
    assert environ == {name: value.decode("utf-8", "surrogateescape") for name, value in pairs}
    assert len(pairs) == len(environ)
    assert environ[b"HUGE"] == "h" * 50000
    assert environ[b"ODD"] == "\udcff"
    assert b"LC_CTYPE" not in environ or "LC_CTYPE" in os.environ
    assert told == {
        "protocol": "TCP",
        "remote_ip": "127.0.0.1",
        "remote_host": "",
        "remote_info": "",
        "local_ip": "127.0.0.1",
        "local_port": str(served.port),
        "arguments": ["a", "", "\udcfe"],
        "argv": ["handler:tell", "a", "", "\udcfe"],
        "line": "hello\n",
        "kind": "friend",
        "descriptors": [0, 1],
    }


@pytest.mark.oracle
@pytest.mark.parametrize("which", ["original", "ours"])
def test_function_is_a_client_program_too(which: str, folder: Path, oracle: Oracle) -> None:
    client = [oracle("tcpclient")] if which == "original" else ours("tcpclient")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        line = [*client, "-HRl0", "127.0.0.1", port, *handler("handler:tell")]
        process = subprocess.Popen(
            line, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=ENVIRONMENT
        )
        try:
            other = listener.accept()[0]
            other.settimeout(PATIENCE)
            with other:
                other.sendall(b"220 hello\n")
                told = json.loads(read_all(other))
            output, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
            process.wait(PATIENCE)
    assert (process.returncode, output) == (0, b"")
    assert (told["descriptors"], told["line"], told["remote_port"]) == ([6, 7], "220 hello\n", port)


@pytest.mark.parametrize(
    ("function", "code", "output", "complaint"),
    [
        ("code 0", 0, b"", ""),
        ("code 99", 99, b"", ""),
        ("code 255", 255, b"", ""),
        ("code 256", 111, b"", "the function returned 256, not an exit code of 0 to 255\n"),
        ("code -1", 111, b"", "the function returned -1, not an exit code of 0 to 255\n"),
        ("wrong", 111, b"", "the function returned str, not an exit code of 0 to 255\n"),
        ("leave", 0, b"", ""),
        ("leave 7", 7, b"", ""),
        ("leave 'so\\nlong'", 111, b"", "so long\n"),
        ("show", 0, b"printed\n", ""),
        ("Nested.serve", 0, b"nested", ""),
        ("close 0", 0, b"held", ""),
        ("close 0 1", 111, b"", "connection lost: file descriptor not open\n"),
        ("close 1 2", 111, b"", None),
    ],
)
def test_end_of_a_function(
    function: str, code: int, output: bytes, complaint: str | None, folder: Path
) -> None:
    name, *arguments = function.split(" ")
    done = run(handler(f"handler:{name}", *arguments), folder)
    said = f"pyhandler: fatal: {complaint}" if complaint else ""
    assert done == (code, output, said.encode())


@pytest.mark.parametrize(
    ("function", "last"), [("fail", "ValueError: out of luck"), ("die", "GeneratorExit")]
)
def test_exception_is_one_traceback(function: str, last: str, folder: Path) -> None:
    code, output, said = run(handler(f"handler:{function}"), folder)
    assert (code, output) == (111, b"so far" if function == "fail" else b"")
    lines = said.decode().splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].startswith(f'  File "{folder}/handler.py", line ')
    assert lines[-1] == last
    assert said.count(b"Traceback") == 1


def test_output_that_cannot_be_flushed_loses_nothing_else(folder: Path) -> None:
    code, output, said = run(handler("handler:replace_output"), folder)
    assert (code, output) == (111, b"so far")
    assert said.decode().splitlines()[-1] == "AttributeError: 'object' object has no attribute 'flush'"


@pytest.mark.parametrize("flush", ["flush", "later"])
@pytest.mark.parametrize("how", [reset, socket.socket.close])
def test_client_that_goes_is_one_line(how: object, flush: str, folder: Path) -> None:
    with serving(folder, ["-vHRl0"], handler("handler:write", flush)) as served:
        client = served.connect()
        client.sendall(b"x" + b"more" * 100)
        assert callable(how)
        how(client)
        status, (said,) = end(served)
    assert status == 111 << 8
    assert said.startswith("pyhandler: fatal: connection lost: ")
    assert said.endswith((": broken pipe", ": connection reset"))


def test_client_that_resets_while_it_is_read_is_one_line(folder: Path) -> None:
    with serving(folder, ["-vHRl0"], handler("handler:read")) as served:
        client = served.connect()
        assert client.recv(100) == b"hello"
        reset(client)
        assert end(served) == (111 << 8, ["pyhandler: fatal: connection lost: connection reset"])


@pytest.mark.parametrize("said", FAULTS)
def test_module_that_cannot_be_used_is_one_line(said: str, folder: Path) -> None:
    code, output, complaint = run(handler(FAULTS[said]), folder)
    assert (code, output) == (111, b"")
    expected = f"pyhandler: fatal: {said}".replace("DIR", str(folder)).encode()
    assert complaint.startswith(expected) if said.endswith(": ") else complaint == expected + b"\n"
    assert complaint.count(b"\n") == 1


@pytest.mark.parametrize(
    "arguments", [[], ["handler"], ["handler:"], [":tell"], ["--path"], ["-p", "a:b"], ["--paths=x", "a:b"]]
)
def test_wrong_usage(arguments: list[str], folder: Path) -> None:
    code, output, said = run(handler(*arguments), folder)
    assert (code, output) == (100, b"")
    assert said.splitlines()[-1].startswith(b"pyhandler: usage: pyhandler [ --path directory ] ...")


def test_places_are_searched_in_order_and_ours_are_not_shadowed(folder: Path) -> None:
    for name in ("first", "second", "third"):
        (folder / name).mkdir()
    for name in ("first", "second", "third", "."):
        for module in ("json", "ucspi"):
            (folder / name / f"{module}.py").write_text("raise SystemExit(9)\n")
    source = "import json, ucspi.cdb\ndef serve(client):\n    client.writer.write(__file__.encode())\n"
    for module, places in {
        "one": ("first", "second", "third", "."),
        "two": ("second", "third", "."),
        "three": ("third", "."),
        "four": (".",),
    }.items():
        for place in places:
            (folder / place / f"{module}.py").write_text(source)
    if not is_launched():  # there Python itself obeys this variable
        pytest.skip("commands are scripts here")
    options = ["--path", "first", f"--path={folder}/second"]
    for module, place in {"one": "first/", "two": "second/", "three": "third/", "four": ""}.items():
        done = run(handler(*options, f"{module}:serve"), folder, PYTHONPATH="third")
        assert done == (0, f"{folder}/{place}{module}.py".encode(), b"")


def test_installed_packages_can_be_imported(tmp_path: Path) -> None:
    (tmp_path / "h.py").write_text("import dns.name, pytest\ndef serve(client):\n    return 4\n")
    assert run(handler("h:serve"), tmp_path)[0] == 4


def test_example_of_the_docs_serves(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "ucspi.md").read_text()
    example = page.partition("## A handler in Python")[2].partition("```python\n")[2].partition("```")[0]
    (tmp_path / "mail.py").write_text(example)
    with (
        serving(tmp_path, ["-vHRl0"], handler("mail:serve", "mx")) as served,
        served.connect() as client,
    ):
        client.sendall(b"helo\r\nQUIT\r\n")
        assert read_all(client) == b"220 mx\r\n502 no\r\n221 good bye, 127.0.0.1\r\n"
        assert end(served) == (0, [])


def test_closed_descriptors_become_the_null_device(folder: Path) -> None:
    line = 'exec "$@" <&- >&-'
    done = run(["sh", "-c", line, "sh", *handler("handler:read")], folder)
    assert done == (0, b"", b"")


@pytest.mark.oracle
def test_socket_of_the_unix_domain(folder: Path) -> None:
    with serving(folder, ["-vHRl0", "--listen", "unix:./s"], handler("handler:tell")) as served:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(PATIENCE)
        with client:
            client.connect(str(folder / "s"))
            client.sendall(b"x\n")
            told = json.loads(read_all(client))
        assert end(served) == (0, [])
    assert (told["protocol"], told["remote_ip"], told["descriptors"]) == ("UNIX", "", [0, 1])
    assert told["environ"]["UNIXREMOTEPID"] == str(os.getpid())


def test_client_program_over_a_socket_of_the_unix_domain(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "s"))
        listener.listen()
        line = [*ours("tcpclient"), "unix:./s", "0", *handler("handler:tell")]
        process = subprocess.Popen(line, cwd=folder, stdin=subprocess.DEVNULL, env=ENVIRONMENT)
        try:
            other = listener.accept()[0]
            other.settimeout(PATIENCE)
            with other:
                other.sendall(b"hello\n")
                assert json.loads(read_all(other))["descriptors"] == [6, 7]
        finally:
            process.kill()
            process.wait(PATIENCE)


def test_server_behind_tcpclient_serves_its_own_client(folder: Path) -> None:
    """It inherits 6 and 7, which are another connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        outer = [*ours("tcpclient"), "-HRl0", "127.0.0.1", port]
        line = [*outer, *COMMAND, "-1HRl0", "127.0.0.1", "0", *handler("handler:tell")]
        server = subprocess.Popen(line, cwd=folder, stdout=subprocess.PIPE, env=ENVIRONMENT)
        try:
            assert server.stdout is not None
            with socket.create_connection(("127.0.0.1", int(server.stdout.readline())), PATIENCE) as client:
                client.sendall(b"hello\n")
                assert json.loads(read_all(client))["descriptors"] == [0, 1]
        finally:
            server.kill()
            server.communicate(timeout=PATIENCE)


def test_term_ends_it(folder: Path) -> None:
    process = subprocess.Popen(
        handler("handler:read"),
        cwd=folder,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], PATIENCE)[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == -signal.SIGTERM
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)
