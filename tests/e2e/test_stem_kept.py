"""Processes that serve several connections: each as the first, and never with what another client left."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.stemdriver import Cold, Driver, Keeper, needs_both, needs_stem, read, reap, stem
from tests.support.stemfunctions import HANDLERS

pytestmark = [pytest.mark.sampled(3), pytest.mark.e2e, needs_stem]

SPOILING = """
import fcntl, handler, os, signal, socket, subprocess, sys, threading, time

left = []


def serve(client):
    words = client.environ.get("SPOIL", "").split()
    for word in words:
        globals()[word](client)
    if not words:
        handler.tell(client, *client.environ["TELL"].split())


def directory(client): os.chdir("/")
def mask(client): os.umask(0)
def variables(client):
    os.environ["SPOILT"] = "1"
    os.putenv("PUT", "2")
    del os.environ["A"]
def actions(client):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, print)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
def blocked(client): signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR2])
def alarm(client): signal.setitimer(signal.ITIMER_REAL, 0.2)
def arguments(client): sys.argv.append("spoilt")
def copies(client): left.extend(os.dup(0) for _ in range(5))
def far(client): left.append(fcntl.fcntl(0, fcntl.F_DUPFD, 700))
def buffered(client): print("printed", end="")
def unread(client): sys.stdin.readline()
def late(client): globals()["file"] = open("late", "a")

def thread(client): threading.Thread(target=time.sleep, args=(0.3,)).start()
def child(client): left.append(subprocess.Popen(["sleep", "0.3"]))
def zombie(client):
    if os.fork() == 0:
        os._exit(0)
def output(client): sys.stdout = open("other", "w")
def input(client): sys.stdin.close()
def leak(client): left.extend(os.open("/dev/zero", os.O_RDONLY) for _ in range(100))
def user(client): os.setresuid(54321, 54321, 54321)
def closed(client): os.closerange(5, 64)
def broken(client):
    print("x" * 100)
    os.close(1)

def quit(client): os._exit(7)
def crash(client): os.kill(os.getpid(), 9)
def everything(client): os.closerange(3, 64)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a directory with the modules, which is the working directory."""
    (tmp_path / "handler.py").write_text(HANDLERS)
    (tmp_path / "spoiling.py").write_text(SPOILING)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ask(process: Driver | Keeper | Cold, what: str, *variables: bytes, sends: bytes = b"") -> dict[str, Any]:
    came, ended, log = process.serve([b"A=1", b"TELL=" + what.encode(), *variables], sends=sends)
    assert (ended, log) == (0, b""), (came, log)
    told: dict[str, Any] = json.loads(came)
    return told


ALL = "environ place signals standard"


def test_one_process_serves_many_and_is_a_child_of_the_server(folder: Path) -> None:
    with stem(folder, "--keep", "5", "spoiling:serve") as driver:
        driver.base()
        keeper = driver.keep()
        for _ in range(5):
            pid, parent, _ = ask(keeper, "process")["process"]
            assert (pid, parent) == (keeper.process, os.getpid())
        assert keeper.has_ended()
        keeper = driver.keep()
        log = b"tcpserver: pid \0 from\ntcpserver: ok \0\n"
        assert keeper.serve([b"TELL=process"], log)[2] == log.replace(b"\0", b"%d" % keeper.process)
        keeper.channel.close()
        assert reap(keeper.process) == 0


@needs_both
def test_kept_process_is_as_a_cold_one(folder: Path) -> None:
    arguments = ["--keep", "9", "spoiling:serve"]
    cold = ask(Cold(folder / "log", arguments), ALL)
    with stem(folder, *arguments) as driver:
        driver.base()
        keeper = driver.keep()
        assert [ask(keeper, ALL) for _ in range(4)] == 4 * [cold]


@pytest.mark.parametrize(
    "spoils",
    [
        "directory",
        "mask",
        "variables",
        "actions",
        "blocked",
        "alarm",
        "arguments",
        "copies",
        "far",
        "unread",
        "late",
    ],
)
def test_what_a_function_changed_is_put_back(folder: Path, spoils: str) -> None:
    with stem(folder, "--keep", "99", "spoiling:serve") as driver:
        driver.base()
        keeper = driver.keep()
        before = ask(keeper, ALL)
        for _ in range(3):
            sent = b"line\nSECRET OF ANOTHER CLIENT\n"
            assert keeper.serve([b"A=1", b"SPOIL=" + spoils.encode()], sends=sent) == (b"", 0, b"")
            assert ask(keeper, ALL) == before
        assert not keeper.has_ended()


@pytest.mark.parametrize(
    "spoils",
    ["thread", "child", "zombie", "output", "input", "leak", "user", "closed", "broken"],
)
def test_what_cannot_be_put_back_ends_the_process(folder: Path, spoils: str) -> None:
    if spoils == "user" and os.geteuid() != 0:
        pytest.skip("only root can become another")
    with stem(folder, "--keep", "99", "spoiling:serve") as driver:
        driver.base()
        keeper = driver.keep()
        before = ask(keeper, ALL)
        _, ended, log = keeper.serve([b"A=1", b"SPOIL=" + spoils.encode()])
        assert (ended, log) == ((0, b"") if spoils != "broken" else (111 << 8, log))
        assert keeper.has_ended()
        assert ask(driver.keep(), ALL) == before


@pytest.mark.parametrize(("spoils", "status"), [("quit", 7 << 8), ("crash", 9), ("everything", 0)])
def test_death_of_the_process_is_the_status_of_its_client(folder: Path, spoils: str, status: int) -> None:
    with stem(folder, "--keep", "99", "spoiling:serve") as driver:
        driver.base()
        keeper = driver.keep()
        ask(keeper, "process")
        assert keeper.serve([b"SPOIL=" + spoils.encode()]) == (b"", status, b"")


def test_no_client_gets_what_another_has_left(folder: Path) -> None:
    with stem(folder, "--keep", "99", "handler:echo") as driver:
        driver.base()
        keeper = driver.keep()
        for number in range(5):
            sent = b"mine %d\nand more of %d" % (number, number)
            assert keeper.serve(sends=sent) == (b"mine %d\n" % number, 0, b"")
    with stem(folder, "--keep", "99", "spoiling:serve") as driver:
        driver.base()
        keeper = driver.keep()
        for _ in range(3):
            assert keeper.serve([b"SPOIL=buffered"]) == (b"printed", 0, b"")


@pytest.mark.parametrize("call", [["code", "42"], ["fail"], ["wrong"], ["leave", "'why'"]], ids="-".join)
def test_function_that_fails_is_called_again(folder: Path, call: list[str]) -> None:
    arguments = ["--keep", "9", f"handler:{call[0]}", *call[1:]]
    expected = Cold(folder / "log", arguments).serve()
    with stem(folder, *arguments) as driver:
        driver.base()
        keeper = driver.keep()
        assert [keeper.serve() for _ in range(3)] == 3 * [expected]
        assert not keeper.has_ended()


def test_end_of_the_stem_is_no_end_of_the_process(folder: Path) -> None:
    with stem(folder, "--keep", "9", "handler:stay") as driver:
        driver.base()
        keeper = driver.keep()
        _, client = keeper.send()
        with client:
            assert client.recv(10) == b"here"
            driver.process.kill()
            driver.process.wait()
            keeper.channel.close()
            os.kill(keeper.process, signal.SIGTERM)
            assert read(client) == b""
            assert reap(keeper.process) == signal.SIGTERM


@pytest.mark.parametrize("value", ["0", "-1", "", "many", "99999999999"])
def test_number_of_connections_is_one(folder: Path, value: str) -> None:
    _, ended, log = Cold(folder / "log", ["--keep", value, "handler:show"]).serve()
    assert ended == 100 << 8
    assert log.startswith(b"pyhandler: fatal: --keep wants a number of at ")
    assert log.count(b"\n") == 1


def test_cold_process_serves_its_one_connection(folder: Path) -> None:
    assert Cold(folder / "log", ["--keep", "7", "handler:show"]).serve() == (b"printed", 0, b"complaint")
