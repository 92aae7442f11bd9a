"""Processes that a stem forks: for a function as those that are started cold, and never lost."""

import errno
import json
import os
import random
import resource
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.commands import ours
from tests.support.patience import PATIENCE, wait_for
from tests.support.processes import status
from tests.support.stemdriver import BASE, Cold, Driver, needs_both, needs_stem, read, reap, stem
from tests.support.stemfunctions import HANDLERS
from ucspi.unix import environ, stemchannel

pytestmark = [pytest.mark.sampled(3), pytest.mark.e2e, needs_stem]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a directory with the module, which is the working directory."""
    (tmp_path / "handler.py").write_text(HANDLERS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ask(driver: Driver | Cold, variables: list[bytes], sends: bytes = b"") -> dict[str, Any]:
    came, ended, log = driver.serve(variables, sends=sends)
    assert (ended, log) == (0, b""), (came, log)
    told: dict[str, Any] = json.loads(came)
    return told


def test_each_process_is_a_child_of_the_server(folder: Path) -> None:
    with stem(folder, "handler:tell", "process") as driver:
        driver.base()
        for _ in range(3):
            slot, client = driver.send([], b"tcpserver: pid \0 from\ntcpserver: ok \0 line\n")
            with client:
                pid, parent, thread = json.loads(read(client))["process"]
            assert driver.cell(slot) == pid == thread
            assert parent == os.getpid()
            assert reap(pid) == 0
            lines = driver.log.read_text().splitlines()
            assert lines[-2:] == [f"tcpserver: pid {pid} from", f"tcpserver: ok {pid} line"]
            assert not driver.is_waiting()


def test_module_sees_nothing_of_the_stem(folder: Path) -> None:
    (folder / "early.py").write_text(
        "import os\nnames = sorted(os.environ)\ndef tell(client): print(*names, end='')\n"
    )
    with stem(folder, "early:tell", environ=[("OF_MINE", "1")]) as driver:
        driver.base()
        came, ended, _ = driver.serve([])
    assert ended == 0
    assert [name for name in came.split() if name != b"LC_CTYPE"] == [b"OF_MINE"]


@needs_both
@pytest.mark.parametrize("what", ["signals", "place", "standard", "descriptors", "threads"])
@pytest.mark.parametrize("ignores", [False, True])
def test_process_is_as_a_cold_one(folder: Path, what: str, *, ignores: bool) -> None:
    usual = signal.getsignal(signal.SIGHUP)
    arguments = ["handler:tell", what]
    try:
        # The tests' own process is the server here, and gives it on.
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignores else signal.SIG_DFL)
        cold = ask(Cold(folder / "log", arguments), [b"A=1"])
        with stem(folder, *arguments) as driver:
            driver.base()
            for _ in range(2):
                assert ask(driver, [b"A=1"]) == cold
    finally:
        signal.signal(signal.SIGHUP, usual)


@needs_both
@pytest.mark.parametrize(
    "call",
    [
        ["code", "0"],
        ["code", "42"],
        ["code", "300"],
        ["leave", "5"],
        ["leave", "None"],
        ["leave", "'why'"],
        ["fail"],
        ["quit"],
        ["crash"],
        ["wrong"],
        ["write"],
        ["show"],
        ["echo"],
        ["late"],
        ["leave_child"],
    ],
    ids="-".join,
)
def test_function_ends_as_a_cold_one(folder: Path, call: list[str]) -> None:
    arguments = [f"handler:{call[0]}", *call[1:]]
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    resets = call == ["write"]
    sends = b"one line\nand more"
    expected = Cold(folder / "log", arguments).serve(sends=sends, resets=resets)
    with stem(folder, *arguments) as driver:
        driver.base()
        for _ in range(3):
            assert driver.serve(sends=sends, resets=resets) == expected
    if call == ["late"]:
        assert (folder / "late").read_text() == 4 * "held\n"
        assert (folder / "both").read_text() == "held too\n"


def test_chance_differs_in_each_process(folder: Path) -> None:
    with stem(folder, "handler:tell", "chance", "forks") as driver:
        driver.base()
        told = [ask(driver, []) for _ in range(4)]
    for kind in zip(*(each["chance"] for each in told), strict=True):
        assert len(set(map(str, kind))) == 4
    for number, each in enumerate(told, 1):
        assert each["forks"] == ["before"] * number + ["child"]


# Without LC_CTYPE: an interpreter that starts with one that is no locale sets another.
NAMES = st.sampled_from([b"A", b"B", b"UID", b"PATH", b"TCPREMOTEIP", b"\xff\xfe", b"", b"A b"])
VALUES = st.binary(max_size=6).map(lambda value: value.replace(b"\0", b""))
VARIABLE = st.builds(lambda name, value: name + b"=" + value, NAMES, VALUES)
ENTRY = VARIABLE | st.sampled_from([b"A", b"nothing", b"UID"])


@needs_both
@pytest.mark.slow
def test_environment_is_that_of_a_cold_process(folder: Path) -> None:
    with stem(folder, "handler:tell", "environ") as driver:

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        @given(
            st.lists(ENTRY, max_size=8),
            st.lists(VARIABLE, max_size=6, unique_by=lambda entry: entry.partition(b"=")[0]),
            st.lists(ENTRY.filter(lambda entry: entry[:1] != b"="), max_size=3),  # with it begin links
        )
        def compare(inherited: list[bytes], variables: list[bytes], changes: list[bytes]) -> None:
            names = {entry.partition(b"=")[0] + b"=" for entry in variables}
            kept = [entry for entry in inherited if not any(map(entry.startswith, names))]
            whole = environ.changed(kept + variables, changes)
            driver.base(inherited, changes)
            warm = ask(driver, variables)
            assert warm == ask(Cold(folder / "log", ["handler:tell", "environ"], whole), [])
            assert warm["environ"][0] == [entry.decode("latin-1") for entry in whole]

        compare()


def test_process_gets_its_pid_as_a_variable(folder: Path) -> None:
    with stem(folder, "handler:tell", "process", "environ") as driver:
        driver.base([b"A=1"], (), b"LISTEN_PID=")
        told = ask(driver, [b"LISTEN_PID=", b"B=2"])
        assert told["environ"][0] == ["A=1", f"LISTEN_PID={told['process'][0]}", "B=2"]
        assert ask(driver, [b"B=2"])["environ"][0] == ["A=1", "B=2"]


def test_environment_can_be_changed(folder: Path) -> None:
    with stem(folder, "handler:change") as driver:
        driver.base([b"GONE=1", b"SAID=first"])
        for _ in range(2):
            entries, got, child, ours, text, _ = ask(driver, [b"OWN=1"])["environ"]
            expected = {"SAID": "changed", "OWN": "1", "NEW": "1"}
            assert text == dict(ours) == expected
            assert dict(got) == expected | {"PUT": "2"}
            assert (
                sorted(entries)
                == sorted(child.split("\0")[:-1])
                == ["NEW=1", "OWN=1", "PUT=2", "SAID=changed"]
            )


def test_what_the_import_changes_in_the_environment_stays(folder: Path) -> None:
    code = "import os\nos.environ['SET'] = 'x'\nos.environ['SAID'] = 'y'\ndel os.environ['GONE']\n"
    (folder / "changing.py").write_text(code + "from handler import *\n")
    with stem(folder, "changing:tell", "environ", environ=[("GONE", "1"), ("B", "2")]) as driver:
        driver.base([b"GONE=1", b"B=2"])
        assert ask(driver, [b"SAID=client"])["environ"][0] == ["B=2", "SAID=client", "SET=x"]
        assert ask(driver, [])["environ"][0] == ["B=2", "SET=x", "SAID=y"]


def test_what_a_function_spoils_is_its_own(folder: Path) -> None:
    (folder / "both.py").write_text(
        "import handler\n\n\ndef serve(client):\n"
        "    function = handler.spoil if 'SPOIL' in client.environ else handler.tell\n"
        "    function(client, *client.environ['A'].split())\n"
    )
    (folder / "handler.py").write_text(HANDLERS.replace("def spoil(client)", "def spoil(client, *names)"))
    with stem(folder, "both:serve") as driver:
        driver.base()
        asked = [b"A=place environ descriptors signals standard"]
        before = ask(driver, asked)
        assert driver.serve([b"SPOIL=1", *asked])[1] == 0
        assert ask(driver, asked) == before


def test_process_is_killed_alone(folder: Path) -> None:
    with stem(folder, "handler:stay") as driver:
        driver.base()
        slots = [driver.send() for _ in range(3)]
        for number, (slot, client) in zip((15, 9, 1), slots, strict=True):
            with client:
                assert client.recv(10) == b"here"
                os.kill(driver.pid(slot), number)
                assert read(client) == b""
            assert reap(driver.pid(slot)) == number
        assert driver.process.poll() is None


def test_session_of_its_own_behind_pgrphack(folder: Path) -> None:
    with stem(folder, "handler:tell", "place", "process", front=ours("pgrphack")) as driver:
        driver.base()
        for _ in range(2):
            assert ask(driver, [])["place"][3] is True


# How a stem ends, and what is left then.


def test_end_of_the_channel_ends_it(folder: Path) -> None:
    with stem(folder, "handler:stay") as driver:
        driver.base()
        slot, client = driver.send()
        with client:
            assert client.recv(10) == b"here"
            driver.channel.close()
            assert driver.process.wait(PATIENCE) == 0
            os.kill(driver.pid(slot), signal.SIGTERM)
            assert reap(driver.pid(slot)) == signal.SIGTERM


@pytest.mark.parametrize("code", ["", "import signal\nsignal.signal(signal.SIGHUP, lambda *_: None)\n"])
def test_hang_up_ends_it_and_no_process_of_its_own(folder: Path, code: str) -> None:
    (folder / "hearing.py").write_text(code + "from handler import *\n")
    with stem(folder, "hearing:tell", "signals") as driver:
        driver.base()
        told = str(ask(driver, [])["signals"][1][0])
        assert ("lambda" in told) == bool(code)
        driver.process.send_signal(signal.SIGHUP)
        assert driver.process.wait(PATIENCE) == -signal.SIGHUP


def test_killed_stem_leaves_what_it_has_not_served(folder: Path) -> None:
    with stem(folder, "handler:tell", "process") as driver:
        driver.base()
        ask(driver, [])
        driver.process.send_signal(signal.SIGSTOP)
        wait_for(lambda: status(driver.process.pid)["State"].startswith("T"), "a stopped stem")
        slots = [driver.send() for _ in range(3)]
        driver.process.kill()
        driver.process.wait(PATIENCE)
        assert [driver.cell(slot) for slot, _ in slots] == [0, 0, 0]
        for slot, client in slots:
            packet, control, _, _ = driver.end.recvmsg(65536, socket.CMSG_SPACE(4), socket.MSG_DONTWAIT)
            assert stemchannel.unpack(packet)[:2] == (stemchannel.SERVE, slot)
            with client, socket.socket(fileno=int.from_bytes(control[0][2][:4], "little")) as connection:
                connection.sendall(b"cold")
                connection.close()
                assert read(client) == b"cold"
        assert not driver.is_waiting()


@pytest.mark.slow
def test_whenever_it_is_killed_no_connection_is_lost_or_served_twice(folder: Path) -> None:
    chance = random.Random(5)
    for _ in range(8):
        with stem(folder, "handler:tell", "process") as driver:
            driver.base()
            ask(driver, [])
            slots = [driver.send() for _ in range(12)]
            time.sleep(chance.random() * 0.03)  # a moment to be killed at, not something to wait for
            driver.process.kill()
            driver.process.wait(PATIENCE)
            left = set()
            while True:
                try:
                    packet = driver.end.recv(65536, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    break
                left.add(stemchannel.unpack(packet)[1])
            for slot, client in slots:
                with client:
                    told = read(client)
                if driver.cell(slot):
                    assert json.loads(told)["process"][0] == driver.cell(slot)
                    assert reap(driver.cell(slot)) == 0
                else:
                    assert told == b""
                    assert slot in left
            with pytest.raises(ChildProcessError):
                os.waitpid(-1, os.WNOHANG)


@pytest.mark.skipif(os.geteuid() != 0, reason="the limit does not hold for root, who becomes another")
def test_no_process_can_be_made(folder: Path) -> None:
    code = "import os, resource\nfrom handler import *\n"
    code += "resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))\nos.setresuid(54321, 54321, 54321)\n"
    (folder / "narrow.py").write_text(code)
    with stem(folder, "narrow:tell", "process") as driver:
        driver.base()
        for _ in range(2):
            slot, client = driver.send()
            with client:
                assert stemchannel.unpack_answer(driver.receive()) == (slot, -errno.EAGAIN)
                assert driver.cell(slot) == -errno.EAGAIN
                assert read(client) == b""
        assert not driver.is_waiting()
        assert driver.process.poll() is None


def test_no_descriptor_is_left(folder: Path) -> None:
    code = "from handler import *\ndef take(*_):\n    try:\n        while True: os.dup(0)\n"
    code += "    except OSError: os.write(2, b'taken')\nsignal.signal(signal.SIGUSR1, take)\n"
    (folder / "taking.py").write_text(code)
    with stem(folder, "taking:tell", "process") as driver:
        driver.base()
        driver.process.send_signal(signal.SIGUSR1)
        wait_for(lambda: driver.log.read_bytes() == b"taken", "a stem without descriptors")
        for _ in range(2):
            slot, client = driver.send()
            with client:
                assert stemchannel.unpack_answer(driver.receive()) == (slot, -errno.EMFILE)
                assert driver.cell(slot) == -errno.EMFILE
                assert read(client) == b""


# Modules that cannot be served by a stem.

THREAD = "import threading, time\nthreading.Thread(target=time.sleep, args=(999,)).start()\n"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import nowhere\n", "-unable to import faulty: ModuleNotFoundError: No module named 'nowhere' (.*"),
        ("import sys\nsys.exit(0)\n", "-unable to import faulty: SystemExit: 0 (.*"),
        ("serve = 5\n", "-serve in .*faulty.py is no function"),
        (THREAD + "def serve(client): pass\n", "0the module starts a thread"),
        (THREAD + "1 / 0\n", "-unable to import faulty: ZeroDivisionError: division by zero (.*"),
        ("import os\nos._exit(3)\n", ""),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", ""),
    ],
)
def test_module_that_cannot_be_warm(folder: Path, code: str, why: str) -> None:
    (folder / "faulty.py").write_text(code)
    with stem(folder, "faulty:serve", ready=b"") as driver:
        told = driver.receive().decode()
        head, _, tail = why.partition(".*")
        assert told.startswith(head)
        assert told.endswith(tail)
        assert bool(told) == bool(why)
        driver.process.wait(PATIENCE)
        assert driver.log.read_bytes() == b""


def test_what_an_import_prints_reaches_no_client(folder: Path) -> None:
    code = "import sys\nprint('out', end='')\nsys.stderr.write('err')\nfrom handler import *\n"
    (folder / "printing.py").write_text(code)
    with stem(folder, "printing:show") as driver:
        driver.base()
        for _ in range(2):
            assert driver.serve() == (b"printed", 0, b"complaint")
        assert driver.log.read_text() == "err" + 2 * "complaint"


@pytest.mark.parametrize("foreign", ["nonsense", "3,4", "0,1", "7,8", "99999999999999999999,1"])
def test_variable_of_somebody_else_is_dropped(folder: Path, foreign: str) -> None:
    inherited = [*BASE, b"UCSPI_STEM=" + foreign.encode()]
    told = ask(Cold(folder / "log", ["handler:tell", "environ"], inherited), [])
    assert "UCSPI_STEM" not in told["environ"][4]
    assert "PATH" in told["environ"][4]
