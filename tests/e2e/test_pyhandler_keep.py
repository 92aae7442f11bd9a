"""Functions whose processes are kept: each serves one connection after another behind our server."""

import os
import re
import signal
import socket
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.support.commands import COMMANDS
from tests.support.patience import wait_for
from tests.support.processes import children as children_of
from tests.support.processes import descriptors, status
from tests.support.serving import Served, read_all, serving
from tests.support.warmed import CAN_BE_WARM, server

pytestmark = [
    pytest.mark.sampled(3),
    pytest.mark.e2e,
    pytest.mark.skipif(not CAN_BE_WARM, reason="there is no stem without the compiled module and launchers"),
]

MODULE = """\
import os, signal, sys, time

IMPORTED, SERVED = os.getpid(), 0


def act(client):
    global SERVED
    SERVED += 1
    code = client.reader.readline().decode()
    exec(code, globals() | {"client": client})


def state(client):
    mask = os.umask(0)
    os.umask(mask)
    text = f"{os.getpid()} {os.getcwd()} {mask} {signal.getsignal(15)!r} {sorted(os.environ)}"
    client.writer.write(text.encode())
"""
CLIENTS = 16
WHO = b"client.writer.write(b'%d %d' % (os.getpid(), SERVED))\n"
STATE = b"state(client)\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own.py").write_text(MODULE)
    return tmp_path


def handler(keep: int = 1000) -> list[str]:
    return [str(COMMANDS / "pyhandler"), "--keep", str(keep), "own:act"]


def ask(served: Served, code: bytes) -> bytes:
    with served.connect() as client:
        client.sendall(code)
        return read_all(client)


def ask_alone(served: Served, code: bytes) -> bytes:
    """Ask, and wait until the server has the answer of the process too: then that is idle."""
    count = len(ends(served))
    text = ask(served, code)
    served.wait_for(lambda lines: len(ends(served)) > count)
    return text


def children(served: Served) -> list[int]:
    return children_of(served.process.pid)


def ends(served: Served) -> list[str]:
    return [line for line in served.lines() if line.startswith("tcpserver: end ")]


def test_process_serves_as_many_connections_as_it_shall(folder: Path) -> None:
    with serving(folder, ["-vHRl0"], handler(3)) as served:
        told = [ask_alone(served, WHO).split() for _ in range(7)]
        assert [int(count) for _, count in told] == [1, 2, 3, 1, 2, 3, 1]
        assert len({pid for pid, _ in told}) == 3
        served.wait_for(lambda lines: lines[-1] == "tcpserver: status: 0/40")
        for (pid, _), line in zip(told, ends(served), strict=True):
            assert line == f"tcpserver: end {int(pid)} status 0"


def test_outcome_is_that_of_a_process_for_each(folder: Path) -> None:
    """Of everything but the end of the process itself, which comes later."""
    for code in (b"0", b"sys.exit(7)", b"1 / 0", b"os._exit(5)", b"os.kill(os.getpid(), 9)", b"print('x')"):
        outcomes = []
        for keep in (1, 10):
            with server(folder, "warm", handler(keep)) as running:
                for _ in range(2):
                    text, end, said = running.visit(code + b"\n")
                    outcomes.append((text, end, re.sub(rb"0x[0-9a-f]+", b"", said)))
        assert outcomes == outcomes[:1] * 4, code


@pytest.mark.parametrize(
    "code",
    [
        b"os.chdir('/'); os.umask(0)",
        b"os.environ['LEFT'] = '1'; os.environ.pop('PATH', None)",
        b"signal.signal(15, lambda *ignored: None)",
        b"[os.open('/dev/null', 0) for _ in range(10)]",
        b"os.dup(0)",
        b"os.close(1)",
        b"os.close(0); os.close(1); os.close(2)",
        b"os.dup2(0, 2)",
        b"os.environ = dict(os.environ)",
    ],
)
def test_next_client_finds_nothing_changed(folder: Path, code: bytes) -> None:
    with serving(folder, ["-vHRl0", "-c", "1"], handler()) as served:
        before = ask(served, STATE).split(b" ", 1)[1]
        assert ask(served, code + b"\n") == b""
        assert ask(served, STATE).split(b" ", 1)[1] == before


@pytest.mark.parametrize(
    "code", [b"os.dup2(0, 2)", b"os.close(2)", b"os.dup2(os.open('own', os.O_RDWR | os.O_CREAT), 2)"]
)
def test_lines_about_later_clients_go_to_the_log(folder: Path, code: bytes) -> None:
    """As under inetd, some have the connection on 2; others close that, or have a log of their own there."""
    with serving(folder, ["-vHRl0", "-c", "1"], handler()) as served:
        assert ask_alone(served, code + b"\n") == b""
        for _ in range(3):
            assert ask_alone(served, b"sys.stderr.write('said\\n'); sys.stderr.flush()\n") == b""
        lines = served.lines()
        for word in ("tcpserver: pid ", "tcpserver: ok ", "tcpserver: end "):
            assert len([line for line in lines if line.startswith(word)]) == 4, lines
        assert lines.count("said") == 3
        assert not (folder / "own").exists() or (folder / "own").read_bytes() == b""


def test_functions_of_all_kinds_and_many_clients_at_once(folder: Path) -> None:
    """Each client has its end, and never are there more processes than clients may be."""
    codes = [
        *[WHO] * 6,
        b"os._exit(3)\n",
        b"os.kill(os.getpid(), 9)\n",
        b"1 / 0\n",
        b"[os.open('/dev/null', 0) for _ in range(30)]\n",
        b"os.chdir('/'); os.umask(0)\n",
        b"time.sleep(.05)\n",
    ]
    rounds, limit = 24, 8
    counts: Counter[bytes] = Counter()
    wrong: list[str] = []
    with serving(folder, ["-vHRl0", "-c", str(limit)], handler(20)) as served:
        ask(served, WHO)
        before = descriptors(served.process.pid)

        def visit(seed: int) -> None:
            for round_ in range(rounds):
                code = codes[(seed + round_) % len(codes)]
                try:
                    text = ask(served, code)
                except OSError as error:
                    wrong.append(f"{code!r}: {error!r}")
                    continue
                counts[code] += 1
                if code == WHO and len(text.split()) != 2:
                    wrong.append(f"{text!r}")

        threads = [threading.Thread(target=visit, args=(seed,)) for seed in range(CLIENTS)]
        for thread in threads:
            thread.start()
        most = 0
        while any(thread.is_alive() for thread in threads):
            found = [pid for pid in children(served) if status(pid).get("State", "Z")[0] != "Z"]
            most = max(most, len(found))
            time.sleep(0.002)
        for thread in threads:
            thread.join()
        assert wrong == []
        served.wait_for(lambda lines: lines[-1] == f"tcpserver: status: 0/{limit}")
        found_ends = Counter(line.rpartition(" ")[2] for line in ends(served))
        assert sum(found_ends.values()) == CLIENTS * rounds + 1
        assert found_ends["768"] == counts[b"os._exit(3)\n"]
        assert found_ends["9"] == counts[b"os.kill(os.getpid(), 9)\n"]
        assert found_ends["28416"] == counts[b"1 / 0\n"]
        assert most <= 2 * limit + 1  # some of those seen have ended while the list was made
        assert descriptors(served.process.pid) <= before + 3 * limit


def test_function_that_hangs_holds_up_nobody_else(folder: Path) -> None:
    with serving(folder, ["-vHRl0"], handler()) as served, served.connect() as hanging:
        hanging.sendall(b"time.sleep(1000)\n")
        assert len({ask_alone(served, WHO).split()[0] for _ in range(3)}) == 1
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(60) == 0
        # Whose line comes first is not said: the port tells who hangs.
        accepted = [line for line in served.lines() if line.startswith("tcpserver: ok ")]
        whose = {line.rpartition(":")[2]: int(line.split()[2]) for line in accepted}
        os.kill(whose[str(hanging.getsockname()[1])], signal.SIGKILL)
        for pid in whose.values():
            wait_for(lambda: status(pid).get("State", "Z")[0] == "Z", "its end")  # noqa: B023


def test_hup_to_the_stem_ends_kept_processes_too(folder: Path) -> None:
    with serving(folder, ["-vHRl0"], handler()) as served:
        first = int(ask(served, WHO).split()[0])
        with served.connect() as busy:
            busy.sendall(b"client.writer.write(b'%d' % os.getpid()); client.writer.flush()")
            (folder / "own.py").write_text(MODULE.replace("SERVED = 0", "SERVED = 100"))
            stems = [pid for pid in children(served) if pid != first and is_stem(pid)]
            os.kill(stems[0], signal.SIGHUP)
            wait_for(lambda: ask(served, WHO).split()[1] == b"101", "the new code")
            busy.shutdown(socket.SHUT_WR)
            assert read_all(busy)
        wait_for(lambda: status(first).get("State", "Z")[0] == "Z", "the end of the old process")


def is_stem(pid: int) -> bool:
    environ = Path(f"/proc/{pid}/fd/0")
    try:
        return os.readlink(environ) == os.devnull and not kept_before(pid)
    except PermissionError:
        return True  # it lets nobody but root look
    except OSError:
        return False


def kept_before(pid: int) -> bool:
    """Return whether a process holds what a kept one does: its working directory, as a descriptor."""
    return any(os.path.isdir(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd"))


@pytest.mark.parametrize("clients", [4, pytest.param(CLIENTS, marks=pytest.mark.slow)])
def test_stem_that_is_killed_under_load_loses_nobody(folder: Path, clients: int) -> None:
    wrong: list[str] = []
    is_over = threading.Event()
    counts = [0] * clients
    with serving(folder, ["-vHRl0"], handler(5)) as served:

        def visit(seed: int) -> None:
            while not is_over.is_set():
                counts[seed] += 1
                try:
                    text = ask(served, WHO)
                except OSError as error:
                    text = repr(error).encode()
                if len(text.split()) != 2:
                    wrong.append(repr(text))

        threads = [threading.Thread(target=visit, args=(seed,)) for seed in range(clients)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(3):
                wait_for(lambda: any(map(is_stem, children(served))), "a stem")
                for pid in [pid for pid in children(served) if is_stem(pid)]:
                    os.kill(pid, signal.SIGKILL)
        finally:
            is_over.set()
        for thread in threads:
            thread.join()
        served.wait_for(lambda lines: len(ends(served)) == sum(counts))
        # What was taken for a stem may have been a process that was just forked, with a client.
        killed = sum(line.endswith("status 9") for line in ends(served))
        assert len(wrong) <= killed <= 3, wrong


@pytest.mark.parametrize("idle", [True, False])
def test_end_of_the_server_leaves_no_kept_process(folder: Path, idle: bool) -> None:
    with serving(folder, ["-vHRl0"], handler()) as served:
        pid = int(ask(served, WHO).split()[0])
        if idle:
            served.wait_for(lambda lines: lines[-1] == "tcpserver: status: 0/40")
            served.process.kill()
        else:
            with served.connect() as client:
                client.sendall(WHO[:5])
                served.wait_for(lambda lines: sum(line.startswith("tcpserver: ok ") for line in lines) == 2)
                served.process.kill()
                served.process.wait(60)
                client.sendall(WHO[5:])
                assert read_all(client)
        wait_for(lambda: status(pid).get("State", "Z")[0] == "Z", "its end")
