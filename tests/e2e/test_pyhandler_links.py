"""Links in front of a Python function that each client's process takes: nobody must see a difference."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import hangingfs
from tests.support.commands import COMMANDS
from tests.support.otheruser import opened
from tests.support.patience import PATIENCE, wait_for
from tests.support.sampled import sampled
from tests.support.serving import read_all
from tests.support.warmed import CAN_BE_WARM, server

pytestmark = [
    pytest.mark.sampled(3),
    pytest.mark.e2e,
    pytest.mark.skipif(not CAN_BE_WARM, reason="there is no stem without the compiled module and launchers"),
]

MODULE = """\
import json, os, signal, sys

IMPORTED = os.getpid()
SEEN = os.environ.get("COLOUR")


def way(client):
    client.writer.write(b"warm" if IMPORTED != os.getpid() else b"cold")


def copier():
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return file.read().split()


def looked_at(pid):
    def text(name):
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read().decode("latin-1")

    lines = [line for line in text("status").splitlines() if line.startswith(("SigB", "SigC", "Uid", "Name"))]
    numbers = sorted(os.listdir(f"/proc/{pid}/fd"))
    kinds = {os.readlink(f"/proc/{pid}/fd/{number}").partition(":")[0] for number in numbers if number != "2"}
    environ = [entry for entry in text("environ").split("\\0") if not entry.startswith("UCSPI_")]
    same = os.getsid(int(pid)) == os.getsid(0)
    return [text("cmdline"), environ, lines, sorted(kinds), text("limits"), same]


def tell(client, *arguments):
    said = client.reader.read().decode()  # a copier that has seen the end has closed something
    links = [f"/proc/self/fd/{number}" for number in sorted(os.listdir("/proc/self/fd"))]
    found = {
        "said": said,
        "seen": SEEN,
        "environ": [name + "=" + value for name, value in os.environ.items()],
        "descriptors": {
            link[14:]: os.readlink(link).partition(":")[0] for link in links if os.path.exists(link)
        },
        "copiers": [looked_at(pid) for pid in copier()],
        "signals": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
        "argv": sys.argv,
    }
    client.writer.write(json.dumps(found).encode() + b"\\n")


def colour(client):
    way = "warm" if IMPORTED != os.getpid() else "cold"
    client.writer.write(f"{SEEN} {os.environ['COLOUR']} {way}".encode())


def answer(client):
    client.writer.write(b"[" + client.reader.read() + b"]\\n")
    return 7


def echo(client):
    client.writer.write(b"%d %s " % (os.getpid(), " ".join(copier()).encode()))
    client.writer.flush()
    client.writer.write(client.reader.read())
"""
GIVEN = {"HOME": "/root", "GIVEN": "x", "UID": "1"}
LINKS = [
    "envdir env",
    "recordio",
    "fixcrio",
    "recordio fixcrio",
    "envdir env recordio",
    "recordio envdir env",
    "envuidgid nobody envdir env envuidgid daemon recordio",
    "softlimit -c 0 pgrphack envdir env fixcrio envdir other",
    *(["setuidgid nobody envdir env recordio"] if os.geteuid() == 0 else []),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own.py").write_text(MODULE)
    for name in ("env", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "env" / "COLOUR").write_text("red \nsecond line\n")
    (tmp_path / "env" / "GIVEN").write_text("")
    (tmp_path / "env" / "UID").write_text("of the directory")
    (tmp_path / "other" / "SHAPE").write_bytes(b"\0round\xff")
    for directory in (tmp_path, *tmp_path.parents):
        if directory.stat().st_uid == os.geteuid() and directory != Path("/"):
            directory.chmod(directory.stat().st_mode | 0o055)
    return tmp_path


def handler(function: str, links: str) -> list[str]:
    arguments = ["a", ""] if function == "tell" else []
    return [*links.split(), str(COMMANDS / "pyhandler"), f"own:{function}", *arguments]


def told(outcome: tuple[bytes, int, bytes]) -> dict[str, object]:
    """Return what a function tells, but for what differs between two servers."""
    text, code, _ = outcome
    assert code == 0, outcome
    found = json.loads(re.sub(rb"UCSPI_WARM=0(\\\\u0000|(?=\"))", b"", text))
    assert isinstance(found, dict)
    found["environ"] = list(filter(None, found["environ"]))
    assert found["descriptors"].pop("2").endswith((".cold", ".warm"))
    return found


def behind(folder: Path, links: str) -> list[str]:
    return opened(folder) if "setuidgid" in links else []


@pytest.mark.parametrize("links", sampled(LINKS, 4))
def test_it_is_served_warm(folder: Path, links: str) -> None:
    with server(folder, "warm", handler("way", links), behind=behind(folder, links)) as running:
        assert [running.visit()[:2] for _ in range(3)] == [(b"warm", 0)] * 3


@pytest.mark.parametrize(
    "links",
    [
        "envdir env softlimit -c 0",
        "recordio pgrphack",
        "argv0 recordio x",
        *(["envdir env setuidgid nobody"] if os.geteuid() == 0 else []),
    ],
)
def test_it_is_served_cold_where_links_behind_would_come_too_early(folder: Path, links: str) -> None:
    with server(folder, "warm", handler("way", links), behind=behind(folder, links)) as running:
        assert running.visit()[0] == b"cold"


@pytest.mark.parametrize("links", ["recordio", "envdir env"])
def test_kept_processes_are_cold(folder: Path, links: str) -> None:
    line = [*links.split(), str(COMMANDS / "pyhandler"), "--keep", "9", "own:way"]
    with server(folder, "warm", line) as running:
        assert running.visit()[0] == b"cold"


@pytest.mark.parametrize("links", sampled(LINKS, 4))
def test_process_and_copiers_are_the_same(folder: Path, links: str) -> None:
    outcomes = []
    for way in ("cold", "warm"):
        with server(
            folder, way, handler("tell", links), environ=GIVEN, behind=behind(folder, links)
        ) as running:
            outcomes.append([told(running.visit(b"hello\n")) for _ in range(2)])
    assert outcomes[1] == outcomes[0]


@pytest.mark.parametrize("links", ["recordio", "fixcrio", "recordio fixcrio", "fixcrio envdir env recordio"])
def test_bytes_and_lines_are_the_same(folder: Path, links: str) -> None:
    outcomes = []
    has_originals = Path("/usr/bin/recordio").exists() and "envdir" not in links
    for way in (*(["original"] if has_originals else []), "cold", "warm"):
        with server(folder, way, handler("answer", links)) as running:
            outcomes.append([running.visit(b"a\nb\r\nc"), running.visit()])
    for got in outcomes:
        got[:] = [(text, code, re.sub(rb"(?m)^\d+ ", b"N ", said)) for text, code, said in got]
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert outcomes[0][0][1] == 7 << 8


def test_killed_copier_has_the_same_outcome(folder: Path) -> None:
    outcomes = []
    for way in ("cold", "warm"):
        with (
            server(folder, way, handler("echo", "recordio")) as running,
            socket.create_connection(("127.0.0.1", running.port), PATIENCE) as client,
        ):
            pid, copier = map(int, client.recv(100).split())
            os.kill(copier, signal.SIGKILL)
            rest = read_all(client)
            log = folder / f"log.{way}"
            wait_for(lambda: b"tcpserver: end " in log.read_bytes(), log.read_bytes)  # noqa: B023
            lines = log.read_bytes().replace(b"%d" % pid, b"PID").splitlines()
            outcomes.append((rest, [line for line in lines if b" end PID" in line or b"fatal" in line]))
    assert outcomes[1] == outcomes[0]


def test_changed_directory_is_seen_by_the_next_client(folder: Path) -> None:
    """That client is served cold, then the module is imported again."""
    with server(folder, "warm", handler("colour", "envdir env recordio")) as running:
        assert running.visit()[0] == b"red red warm"
        (folder / "env" / "COLOUR").write_text("blue")
        assert running.visit()[0] == b"blue blue cold"
        wait_for(lambda: running.visit()[0] == b"blue blue warm", "a stem again")
        (folder / "env" / "MORE").write_text("x")
        assert running.visit()[0] == b"blue blue cold"


def test_absent_directory_has_the_outcome_of_cold(folder: Path) -> None:
    outcomes = []
    for way in ("cold", "warm"):
        with server(folder, way, handler("colour", "recordio envdir env")) as running:
            assert running.visit()[0].startswith(b"red red ")
            (folder / "env").rename(folder / "away")
            text, code, said = running.visit()
            outcomes.append((text, code, re.sub(rb"(?m)^\d+ ", b"N ", said)))
            (folder / "away").rename(folder / "env")
            assert running.visit()[0].startswith(b"red red ")
    assert outcomes[1] == outcomes[0]
    assert b"unable to switch to directory env" in outcomes[0][2]


def test_hanging_directory_delays_its_clients_and_nobody_else(folder: Path) -> None:
    if os.geteuid() != 0 or not os.access("/dev/fuse", os.W_OK):
        pytest.skip("no file system can be mounted that hangs")
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("no mount namespace can be made")
    (folder / "behind").write_text("value\n")
    alone = ["/usr/bin/unshare", "-m", "--propagation", "private"]
    mounted = [*alone, sys.executable, hangingfs.__file__, str(folder), "awake"]
    log = folder / "log.warm"

    def order(number: int) -> None:
        os.kill(int((folder / "fuse.pid").read_text()), number)
        wait_for(
            lambda: (folder / "hangs").exists() == (number == signal.SIGUSR1), "a file system that obeys"
        )

    with server(folder, "warm", handler("way", "envdir ./hanging recordio"), behind=mounted) as running:
        assert running.visit()[0] == b"warm"
        order(signal.SIGUSR1)
        try:
            clients = [socket.create_connection(("127.0.0.1", running.port), PATIENCE) for _ in range(2)]
            wait_for(lambda: log.read_bytes().count(b"tcpserver: ok ") == 3, "the processes of both")
        finally:
            order(signal.SIGUSR2)
        for client in clients:
            assert read_all(client) == b"warm"
            client.close()


def test_directory_with_path_is_cold(folder: Path) -> None:
    (folder / "env" / "PATH").write_text(os.environ["PATH"])
    with server(folder, "warm", handler("way", "envdir env")) as running:
        assert running.visit()[0] == b"cold"
    assert "a directory of envdir has PATH" in (folder / "log.warm").read_text()


@pytest.mark.parametrize(
    "act", ["os.chdir('/')", "os.umask(0o70)", "os.set_inheritable(os.dup(0), True)", "os.nice(1)"]
)
def test_module_that_changes_the_process_is_cold(folder: Path, act: str) -> None:
    (folder / "own.py").write_text(f"import os\n{act}\n{MODULE}")
    for links, way in (("envdir env", b"cold"), ("", b"warm")):
        with server(folder, "warm", handler("way", links)) as running:
            assert running.visit()[0] == way


def test_files_that_the_module_has_opened_stay_open(folder: Path) -> None:
    (folder / "own.py").write_text(
        f"{MODULE}\nFILE = open('own.py')\n"
        """
def way(client):
    client.writer.write(os.pread(FILE.fileno(), 6, 0))
"""
    )
    with server(folder, "warm", handler("way", "envdir env recordio")) as running:
        assert [running.visit()[:2] for _ in range(2)] == [(b"import", 0)] * 2


def test_copier_without_descriptors_for_its_pipes_is_executed(folder: Path) -> None:
    (folder / "own.py").write_text(
        f"{MODULE}\nFILES = []\n"
        """
try:
    while True:
        FILES.append(open("own.py"))
except OSError:
    for file in FILES[-1:]:
        file.close()
"""
    )
    for links, way in (("", b"warm"), ("recordio", b"cold")):
        with server(folder, "warm", handler("way", f"softlimit -o 60 {links}")) as running:
            assert [running.visit()[:2] for _ in range(2)] == [(way, 0)] * 2
            assert b"not kept warm" not in (folder / "log.warm").read_bytes()
