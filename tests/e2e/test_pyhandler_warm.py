"""Functions whose module a server imports once: nobody must see a difference, and nothing must be lost."""

import json
import os
import pwd
import re
import resource
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import ucspi.cdb
from tests.support.commands import COMMANDS
from tests.support.handlercode import C_ENVIRON
from tests.support.otheruser import enterable, opened
from tests.support.patience import PATIENCE, wait_for
from tests.support.processes import children, descriptors, status
from tests.support.sampled import sampled
from tests.support.serving import Served, read_all, serving
from tests.support.warmed import CAN_BE_WARM, server

pytestmark = [
    pytest.mark.sampled(3),
    pytest.mark.e2e,
    pytest.mark.skipif(not CAN_BE_WARM, reason="there is no stem without the compiled module and launchers"),
]

MODULE = (
    C_ENVIRON
    + """
import ctypes, gc, json, locale, os, resource, signal, sys, time

IMPORTED = os.getpid()
VERSION = 1


def link(number):
    text = os.readlink(f"/proc/self/fd/{number}")
    return text.partition(":")[0] if text.startswith(("socket:", "pipe:")) else text


def lines(name, *begins):
    with open(f"/proc/self/{name}") as file:
        return [line for line in file.read().splitlines() if line.startswith(begins)]


def everything(client, *arguments):
    numbers = [number for number in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{number}")]
    umask = os.umask(0)
    return {
        "environ": environ(),
        "python": [name + "=" + value for name, value in os.environ.items()],
        "client": [name + "=" + value for name, value in client.environ.items()],
        "descriptors": {number: link(number) for number in sorted(numbers)},
        "inheritable": {number: os.get_inheritable(int(number)) for number in sorted(numbers)},
        "blocking": [os.get_blocking(0), os.get_blocking(1)],
        "directory": os.getcwd(),
        "umask": umask,
        "status": lines(
            "status", "Name:", "SigBlk:", "SigIgn:", "SigCgt:", "Uid:", "Gid:", "Groups:", "Threads:",
            "NoNewPrivs:", "CapEff:", "ShdPnd:", "SigPnd:",
        ),
        "handlers": {str(number): str(signal.getsignal(number)) for number in signal.valid_signals()},
        "limits": lines("limits", "Max"),
        "score": lines("oom_score_adj", ""),
        "parent": str(os.getppid()),
        "session": [os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid()],
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "dumpable": ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
        "argv": sys.argv,
        "path": sys.path,
        "arguments": arguments,
        "encoding": [sys.getfilesystemencoding(), sys.stdout.encoding, locale.setlocale(locale.LC_ALL)],
        "files": [sys.stdin.fileno(), sys.stdout.fileno(), sys.stderr.fileno(), sys.stdout.line_buffering],
        "gc": gc.isenabled(),
        "main": sys.modules["__main__"].__name__,
    }


def tell(client, *arguments):
    client.writer.write(json.dumps(everything(client, *arguments)).encode())


def way(client):
    client.writer.write(b"warm" if IMPORTED != os.getpid() else b"cold")


def act(client, *arguments):
    code = client.reader.readline().decode()
    exec(code, globals() | {"client": client})


def echo(client):
    client.writer.write(b"%d %d " % (os.getpid(), IMPORTED != os.getpid()))
    client.writer.flush()
    client.writer.write(client.reader.read())
"""
)
SLOW = """\
import os, time

open("begun", "w").close()
while not os.path.exists("go"):
    time.sleep(0.01)
"""
ROOT = os.geteuid() == 0
only_root = pytest.mark.skipif(not ROOT, reason="only root can become another user")
CHAINS = [
    "",
    "argv0 pyhandler other",
    "softlimit -d 900000000 -c 0 -s =",
    "softlimit -o 64 softlimit -a 2000000000",
    "pgrphack",
    *(["setuidgid nobody", "setuidgid nobody pgrphack softlimit -d 900000000"] if ROOT else []),
    "envuidgid nobody",
    "envuidgid nobody softlimit -c 0 envuidgid daemon",
]
CLIENTS = 16
PAUSE = 0.2  # seconds between clients that may be cold: each costs an interpreter that the stem needs
KILLED = "tcpserver: warning: warm pyhandler was killed by signal 9; serving cold until it is back"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a directory with a module, which another user can read."""
    with enterable() as directory:
        (directory / "own.py").write_text(MODULE)
        yield directory


def handler(function: str, *arguments: str, links: str = "") -> list[str]:
    chain = [*links.split()]
    if chain[:1] == ["argv0"]:
        return [*chain, f"own:{function}", *arguments]
    return [*chain, str(COMMANDS / "pyhandler"), f"own:{function}", *arguments]


def told(text: bytes) -> dict[str, object]:
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


def both_ways(
    folder: Path, line: Sequence[str], **more: object
) -> tuple[dict[str, object], dict[str, object]]:
    """Return what a function tells cold and warm, of the second of two clients."""
    found = []
    for way in ("cold", "warm"):
        with server(folder, way, line, **more) as running:  # type: ignore[arg-type]  # of many kinds
            running.visit()
            text, code, said = running.visit()
            assert (code, said) == (0, b""), text
            one = told(text)
            for name in ("environ", "python", "client"):
                entries = one[name]
                assert isinstance(entries, list)
                one[name] = [entry for entry in entries if not entry.startswith("UCSPI_WARM=")]
            assert isinstance(one["descriptors"], dict)
            assert one["descriptors"].pop("2").endswith(way)
            assert one["parent"] == "SERVER"
            found.append(one)
    return found[0], found[1]


def is_warm(served: Served) -> bool:
    with served.connect() as client:
        return read_all(client) == b"warm"


def stems_of(served: Served) -> list[int]:
    """Return the pids of the server's stems: a handler has a connection where they have none."""

    def is_stem(pid: int) -> bool:
        try:
            return os.readlink(f"/proc/{pid}/fd/0") == os.devnull
        except PermissionError:
            return True  # it lets nobody but root look
        except OSError:
            return False  # it has ended

    return [pid for pid in children(served.process.pid) if is_stem(pid)]


def stem_of(served: Served) -> int:
    """Return the pid of the server's only stem."""
    found: list[int] = []

    def is_found() -> bool:
        before = set(stems_of(served))
        time.sleep(0.1)  # a process that was forked a moment ago may not have its connection yet
        found[:] = before.intersection(stems_of(served))
        return len(found) == 1

    wait_for(is_found, "one stem")
    return found[0]


def kill(served: Served, number: int = signal.SIGKILL) -> None:
    os.kill(stem_of(served), number)


@pytest.mark.parametrize("links", ["", "argv0 pyhandler x", "softlimit -c0 pgrphack", "envuidgid nobody"])
def test_the_function_is_served_warm(folder: Path, links: str) -> None:
    with server(folder, "warm", handler("way", links=links)) as running:
        assert [running.visit() for _ in range(3)] == [(b"warm", 0, b"")] * 3


@pytest.mark.parametrize("links", ["softlimit -p 4000", "softlimit -t 100", "softlimit -o 20"])
def test_behind_links_that_are_for_each_client_it_is_served_cold(folder: Path, links: str) -> None:
    with server(folder, "warm", handler("way", links=links)) as running:
        assert running.visit()[0] == b"cold"


@pytest.mark.parametrize("links", sampled(CHAINS))
def test_process_is_the_same(folder: Path, links: str) -> None:
    with ucspi.cdb.create(folder / "r.cdb") as writer:
        writer.add(b"127.", b"+KIND=friend\0+EMPTY=\0+ODD=\xff\0+HOME=/elsewhere\0")
    cold, warm = both_ways(
        folder,
        handler("tell", "a", "", "\udcfe", links=links),
        behind=opened(folder) if "setuidgid" in links else [],
        options=["-x", "r.cdb"],
        environ={"HOME": "/root", "GIVEN": "x", "LANG": "C.UTF-8", "TCPREMOTEHOST": "no", "ODD": "1"},
    )
    assert warm == cold


@pytest.mark.parametrize("names", ["UID", "GID", "GID UID", "UID GID", "OTHER"])
@pytest.mark.parametrize("where", sampled(["both", "inherited", "rule"]))
def test_environment_has_the_order_of_the_links(folder: Path, names: str, where: str) -> None:
    with ucspi.cdb.create(folder / "r.cdb") as writer:
        rule = b"".join(b"+%s=rule\0" % name.encode() for name in names.split())
        writer.add(b"127.", rule if where != "inherited" else b"")
    given = dict.fromkeys(names.split(), "given") if where != "rule" else {}
    cold, warm = both_ways(
        folder,
        handler("tell", links="envuidgid nobody"),
        options=["-x", "r.cdb"],
        environ={"FIRST": "1", **given, "LAST": "2"},
    )
    assert warm["environ"] == cold["environ"]
    assert warm["python"] == cold["python"]


def strange() -> None:
    """Change what a server and its handlers inherit."""
    os.umask(0o27)
    os.nice(3)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH, signal.SIGCHLD])
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, 400))
    os.dup2(0, 9)


def test_process_is_the_same_where_the_server_was_started_strangely(folder: Path) -> None:
    cold, warm = both_ways(folder, handler("tell"), before=strange)
    assert warm == cold
    assert warm["umask"] == 0o27


@only_root
def test_process_is_the_same_for_another_user(folder: Path) -> None:
    user = pwd.getpwnam("nobody")
    options = ["-u", str(user.pw_uid), "-g", str(user.pw_gid)]
    cold, warm = both_ways(folder, handler("tell"), options=options, behind=opened(folder))
    assert warm == cold


PRYING = """
import ctypes, os

IMPORTED = os.getpid()


def attach(pid):
    if ctypes.CDLL(None).ptrace(16, pid, None, None):
        raise PermissionError


def serve(client):
    attempts = {
        "descriptors": lambda: os.listdir(f"/proc/{IMPORTED}/fd"),
        "memory": lambda: open(f"/proc/{IMPORTED}/mem", "r+b"),
        "environment": lambda: open(f"/proc/{IMPORTED}/environ").read(),
        "trace": lambda: attach(IMPORTED),
    }
    for name, attempt in attempts.items():
        try:
            attempt()
            client.writer.write(name.encode() + b" ")
        except PermissionError:
            pass
    client.writer.write(b"warm" if IMPORTED != os.getpid() else b"cold")
"""


@only_root
def test_process_that_was_taken_over_cannot_take_the_stem_over(folder: Path) -> None:
    (folder / "prying.py").write_text(PRYING)
    line = ["setuidgid", "nobody", str(COMMANDS / "pyhandler"), "prying:serve"]
    with server(folder, "warm", line, behind=opened(folder)) as running:
        for _ in range(2):
            assert running.visit() == (b"warm", 0, b"")


@pytest.mark.parametrize(
    "rule",
    [
        b"PATH=/bin",
        b"PYTHONPATH=/x",
        b"LANG=C",
        b"LC_ALL=C",
        b"LD_PRELOAD=",
        b"UCSPI_STEM=3,4",
        b"NSSX=1",
        b"TZ=X-5",
    ],
)
def test_variables_that_only_a_start_obeys_make_a_client_cold(folder: Path, rule: bytes) -> None:
    with ucspi.cdb.create(folder / "r.cdb") as writer:
        writer.add(b"127.0.0.1", b"+" + rule + b"\0")
    with server(folder, "warm", handler("way"), options=["-x", "r.cdb"]) as running:
        assert running.visit()[0] == b"cold"


ACTS = {
    "return": "0",
    "exit code": "sys.exit(7)",
    "too large": "sys.exit('so long')",
    "exception": "1 / 0",
    "at once": "os._exit(5)",
    "killed": "os.kill(os.getpid(), 9)",
    "terminated": "os.kill(os.getpid(), 15)",
    "interrupted": "os.kill(os.getpid(), 2)",
    "printed": "print('printed'); client.writer.write(b'written')",
    "stderr": "print('a line', file=sys.stderr)",
    "closed": "os.close(0); os.close(1)",
    "registered": "import atexit; atexit.register(lambda: os.write(2, b'at the end\\n'))",
    "thread": "import threading as t; t.Thread(target=lambda: [time.sleep(1), os.write(2, b'x\\n')]).start()",
    "fork": "pid = os.fork(); pid or os._exit(3); os.write(1, b'%d' % (os.waitpid(pid, 0)[1]))",
    "child": "import subprocess; client.writer.write(subprocess.run(['echo', 'x'], stdout=-1).stdout)",
    "segfault": "import ctypes; ctypes.string_at(0)",
}


@pytest.mark.parametrize("name", sampled(ACTS, 2))
def test_what_a_function_does_has_the_same_outcome(folder: Path, name: str) -> None:
    outcomes = []
    for way in ("cold", "warm"):
        with server(folder, way, handler("act")) as running:
            text, code, said = running.visit(ACTS[name].encode() + b"\n")
            outcomes.append((text, code, re.sub(rb"0x[0-9a-f]+", b"", said)))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("log", [[], ["--log", "json"]])
def test_log_is_the_same(folder: Path, log: list[str]) -> None:
    logs = []
    for way in ("cold", "warm"):
        with server(folder, way, handler("way"), options=["--log", "both"] if log else []) as running:
            for _ in range(2):
                text = running.visit()[0]
                assert text == way.encode()
        kept = (folder / f"log.{way}").read_text()
        kept = re.sub(r'"(time|seconds|since)":("[^"]*"|[0-9.]+)', r'"\1":0', kept)
        kept = re.sub(r"\b\d{2,}\b", "N", kept)
        logs.append(re.sub(r"127\.0\.0\.1:N", "X", kept))
    assert logs[0] == logs[1]


def test_status_file_has_the_pid(folder: Path) -> None:
    options = ["-vHRl0", "--status-file", "status"]
    with serving(folder, options, handler("echo")) as served, served.connect() as client:
        pid, warm = client.recv(100).split()
        assert warm == b"1"

        def is_told() -> bool:
            told = json.loads((folder / "status").read_text())
            return [one["pid"] for one in told["connections"]] == [int(pid)]

        wait_for(is_told, lambda: (folder / "status").read_text())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "import nowhere\n",
            "unable to import own: ModuleNotFoundError: No module named 'nowhere' (DIR/own.py, line 1)",
        ),
        ("def\n", "unable to import own: SyntaxError: invalid syntax (own.py, line 1)"),
        ("x = 1\n", "unable to find way in DIR/own.py: AttributeError: module 'own' has no attribute 'way'"),
    ],
)
def test_server_of_a_broken_module_ends_with_one_line(folder: Path, text: str, line: str) -> None:
    (folder / "own.py").write_text(text)
    done = subprocess.run(
        [str(COMMANDS / "tcpserver"), "-HRl0", "127.0.0.1", "0", *handler("way")],
        cwd=folder,
        capture_output=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 111
    assert done.stderr.decode() == f"tcpserver: fatal: pyhandler: {line.replace('DIR', str(folder))}\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "usage: pyhandler "),
        (["--keep", "0", "m:f"], "fatal: --keep wants a number of at least 1, not 0"),
        (["--keep", "many", "m:f"], "fatal: --keep wants a number of at most "),
        (["--unknown", "m:f"], "illegal option -- unknown"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_server_of_a_wrong_command_line_ends(folder: Path, words: list[str], says: str) -> None:
    done = subprocess.run(
        [str(COMMANDS / "tcpserver"), "-HRl0", "127.0.0.1", "0", str(COMMANDS / "pyhandler"), *words],
        cwd=folder,
        capture_output=True,
        timeout=PATIENCE,
    )
    said, *_, line = done.stderr.decode().splitlines()
    assert said.startswith(f"pyhandler: {says}")
    assert line == "tcpserver: fatal: pyhandler: it ended with exit code 100 before it was ready"
    assert done.returncode == 111


@pytest.mark.slow
def test_server_says_that_it_waits_for_the_module(folder: Path) -> None:
    (folder / "own.py").write_text(SLOW + MODULE)
    with serving(folder, ["-HRl0"], handler("way")) as served:
        waits = "tcpserver: warning: pyhandler is still importing its module; clients wait until it is ready"
        served.wait_for(lambda lines: waits in lines)
        (folder / "go").touch()
        assert is_warm(served)
        assert served.lines().count(waits) == 1


def test_server_waits_for_the_module_and_can_be_ended_meanwhile(folder: Path) -> None:
    """Clients wait in the backlog; the process that imports ends with the server."""
    (folder / "own.py").write_text(SLOW + MODULE)
    with serving(folder, ["-vHRl0"], handler("way")) as served, served.connect() as client:
        wait_for((folder / "begun").exists, "the import")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(PATIENCE)
        (folder / "go").touch()
        assert read_all(client) == b"warm"
    (folder / "go").unlink()
    (folder / "begun").unlink()
    with serving(folder, ["-vHRl0"], handler("way")) as served:
        wait_for((folder / "begun").exists, "the import")
        stem = stem_of(served)
        assert served.stop() == 0
        wait_for(lambda: status(stem).get("State", "Z")[0] == "Z", "the end of the stem")


@pytest.mark.slow
def test_stem_that_is_killed_while_it_imports_comes_back(folder: Path) -> None:
    (folder / "own.py").write_text(SLOW + MODULE)
    with serving(folder, ["-vHRl0"], handler("way")) as served:
        wait_for((folder / "begun").exists, "the import")
        kill(served)
        (folder / "go").touch()
        wait_for(lambda: is_warm(served), "another stem")
        said = [line for line in served.lines() if "warm" in line]
        assert said == [
            "tcpserver: warning: warm pyhandler was killed by signal 9 before it was ready; serving cold"
        ]


def test_module_with_a_thread_is_cold(folder: Path) -> None:
    (folder / "own.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(100,), daemon=True).start()\n"
        + MODULE
    )
    with serving(folder, ["-vHRl0"], handler("way")) as served:
        assert not is_warm(served)
        said = [line for line in served.lines() if "warm" in line]
        assert said == ["tcpserver: warning: pyhandler is not kept warm: the module starts a thread"]


@pytest.mark.slow
def test_idle_stem_that_is_killed_comes_back(folder: Path) -> None:
    with serving(folder, ["-vHRl0"], handler("way")) as served:
        assert is_warm(served)
        for count in (1, 2):
            kill(served)
            wait_for(lambda: is_warm(served), "a new stem", pause=PAUSE)
            assert served.lines().count(KILLED) == count


def test_hup_to_the_stem_imports_the_module_again(folder: Path) -> None:
    with serving(folder, ["-vHRl0"], handler("act")) as served:

        def version() -> bytes:
            with served.connect() as client:
                client.sendall(b"client.writer.write(b'%d %d' % (VERSION, IMPORTED != os.getpid()))\n")
                return read_all(client)

        assert version() == b"1 1"
        (folder / "own.py").write_text(MODULE.replace("VERSION = 1", "VERSION = 22"))
        assert version() == b"1 1"
        kill(served, signal.SIGHUP)
        wait_for(lambda: version() == b"22 1", "the new code", pause=PAUSE)
        (folder / "own.py").write_text("raise ValueError('broken')\n")
        kill(served, signal.SIGHUP)
        wait_for(lambda: version() == b"", "the broken code", pause=PAUSE)
        expected = (
            "tcpserver: warning: pyhandler: unable to import own: ValueError: broken"
            f" ({folder}/own.py, line 1); serving cold"
        )
        served.wait_for(lambda lines: expected in lines)
        (folder / "own.py").write_text(MODULE.replace("VERSION = 1", "VERSION = 333"))
        wait_for(lambda: version() == b"333 1", "the mended code", pause=PAUSE)
        assert [line for line in served.lines() if "warm" in line or "cold" in line] == [expected]


@pytest.mark.parametrize(
    ("number", "times"), sampled([(signal.SIGKILL, 1), (signal.SIGKILL, 4), (signal.SIGSTOP, 1)])
)
def test_stem_that_ends_or_stops_under_load_loses_nobody(folder: Path, number: int, times: int) -> None:
    """Each client is served, by a process of its own, and each has its lines."""
    wrong: list[str] = []
    is_over = threading.Event()
    counts = [0] * CLIENTS

    with serving(folder, ["-vHRl0", "-c", "100"], handler("echo")) as served:

        def visit(seed: int) -> None:
            while not is_over.is_set():
                counts[seed] += 1
                text = b"%d-%d" % (seed, counts[seed])
                try:
                    with served.connect() as client:
                        client.sendall(text)
                        client.shutdown(socket.SHUT_WR)
                        found = read_all(client)
                except OSError as error:
                    wrong.append(repr(error))
                    continue
                if found.split()[2:] != [text]:
                    wrong.append(f"{text!r}: {found!r}")

        threads = [threading.Thread(target=visit, args=(seed,)) for seed in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            served.wait_for(lambda lines: any(line.startswith("tcpserver: end ") for line in lines))
            for _ in range(times):
                stem = stem_of(served)
                os.kill(stem, number)
                wait_for(lambda: stem not in stems_of(served), "its end")  # noqa: B023
        finally:
            is_over.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert wrong == []
        count = sum(counts)
        lines = served.wait_for(
            lambda lines: sum(line.startswith("tcpserver: end ") for line in lines) >= count
        )
    for word in ("pid ", "ok ", "end "):
        assert sum(line.startswith("tcpserver: " + word) for line in lines) == count
    assert all(line.endswith("status 0") for line in lines if line.startswith("tcpserver: end "))


ACCOUNT = """
mount --bind passwd /etc/passwd && exec "$@"
"""


@only_root
def test_changed_account_is_obeyed_from_the_next_client_on(folder: Path) -> None:
    behind = [*opened(folder), "unshare", "--mount", "sh", "-c", ACCOUNT, "sh"]
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("cannot make a mount namespace")
    passwd, others = folder / "passwd", Path("/etc/passwd").read_text()
    passwd.write_text(others + "warmtest:x:4321:4322::/:/bin/false\n")
    ask = b"client.writer.write(b'%d %d %d' % (os.getuid(), os.getgid(), IMPORTED != os.getpid()))\n"
    time.sleep(0.1)
    with server(folder, "warm", handler("act", links="setuidgid warmtest"), behind=behind) as running:
        assert running.visit(ask)[0] == b"4321 4322 1"
        passwd.write_text(others + "warmtest:x:4333:4334::/:/bin/false\n")
        assert running.visit(ask)[0] == b"4333 4334 0"
        wait_for(lambda: running.visit(ask)[0] == b"4333 4334 1", "a new stem", pause=PAUSE)


def test_changed_path_is_obeyed_from_the_next_client_on(folder: Path) -> None:
    first = folder / "first"
    first.mkdir()
    (first / "pyhandler").symlink_to(COMMANDS / "missing")
    path = f"{first}:{COMMANDS}:/bin:/usr/bin"
    with server(folder, "warm", ["pyhandler", "own:way"], path=path) as running:
        if running.visit()[0] != b"warm":
            pytest.skip("this file system does not remember that a name is missing")
        (first / "pyhandler").unlink()
        (first / "pyhandler").write_text("#!/bin/sh\necho foreign\n")
        (first / "pyhandler").chmod(0o755)
        assert running.visit()[0] == b"foreign\n"
        (first / "pyhandler").unlink()
        (first / "pyhandler").symlink_to(COMMANDS / "missing")
        wait_for(lambda: running.visit()[0] == b"warm", "a stem again", pause=PAUSE)


@pytest.mark.parametrize("drain", [True, False])
def test_end_of_the_server_leaves_nothing(folder: Path, drain: bool) -> None:
    options = ["-vHRl0", *(["--drain", "30"] if drain else [])]
    with serving(folder, options, handler("echo")) as served:
        stem = stem_of(served)
        with served.connect() as client:
            pid = int(client.recv(100).split()[0])
            served.process.send_signal(signal.SIGTERM)
            if drain:
                served.wait_for(lambda lines: any("draining: 1" in line for line in lines))
                assert status(pid)
                client.sendall(b"late")
                client.shutdown(socket.SHUT_WR)
                assert read_all(client) == b"late"
            assert served.process.wait(PATIENCE) == 0
            if not drain:
                client.sendall(b"late")  # as ever, a handler outlives the server
                client.shutdown(socket.SHUT_WR)
                assert read_all(client) == b"late"
        for one in (stem, pid):
            wait_for(lambda: status(one).get("State", "Z")[0] == "Z", "its end")  # noqa: B023


def test_killed_server_leaves_no_stem(folder: Path) -> None:
    with serving(folder, ["-vHRl0"], handler("way")) as served:
        stem = stem_of(served)
        served.process.kill()
        wait_for(lambda: status(stem).get("State", "Z")[0] == "Z", "the end of the stem")


def test_drain_signals_reach_every_handler(folder: Path) -> None:
    with serving(folder, ["-vHRl0", "--drain", "0"], handler("echo")) as served:
        clients = [served.connect() for _ in range(CLIENTS)]
        for client in clients:
            assert client.recv(100)
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(PATIENCE) == 0
        ends = [line for line in served.lines() if line.startswith("tcpserver: end ")]
        assert len(ends) == CLIENTS
        assert all(line.endswith("status 15") for line in ends)
        for client in clients:
            client.close()


def test_limit_counts_warm_clients(folder: Path) -> None:
    with serving(folder, ["-vHRl0", "-c", "2"], handler("echo")) as served:
        clients = [served.connect() for _ in range(3)]
        for client in clients[:2]:
            assert client.recv(100)
        clients[2].settimeout(0.2)
        with pytest.raises(TimeoutError):
            clients[2].recv(1)
        clients[0].close()
        clients[2].settimeout(PATIENCE)
        assert clients[2].recv(100)
        for client in clients[1:]:
            client.close()
        served.wait_for(lambda lines: lines[-1] == "tcpserver: status: 0/2")
        assert "tcpserver: status: 3/2" not in served.lines()


@only_root
def test_no_more_processes_drop_the_client(folder: Path) -> None:
    """The user may have no more processes: the line and the pause are those of today."""

    def narrow() -> None:
        resource.setrlimit(resource.RLIMIT_NPROC, (3, 3))

    outcomes = {}
    for way in ("cold", "warm"):
        with server(
            folder,
            way,
            handler("echo"),
            options=["-u", "54321", "-g", "54321", "-c", "10"],
            before=narrow,
            behind=opened(folder),
        ) as running:
            clients = [socket.create_connection(("127.0.0.1", running.port), PATIENCE) for _ in range(4)]
            log = folder / f"log.{way}"
            wait_for(lambda: b"dropping connection, unable to fork" in log.read_bytes(), log.read_bytes)  # noqa: B023
            for client in clients:
                client.close()
            lines = re.findall(rb"tcpserver: warning: dropping.*", log.read_bytes())
            outcomes[way] = lines[0]
    assert outcomes["warm"] == outcomes["cold"]


def memory(pid: int) -> int:
    return int(status(pid)["VmRSS"].split()[0])


def crowd(served: Served, connections: int) -> list[str]:
    """Serve so many clients, 16 at once; return what went wrong."""
    wrong: list[str] = []
    left = iter(range(connections))
    lock = threading.Lock()

    def visit() -> None:
        while True:
            with lock:
                if next(left, None) is None:
                    return
            try:
                with served.connect() as client:
                    client.sendall(b"x")
                    client.shutdown(socket.SHUT_WR)
                    if not read_all(client).endswith(b" 1 x"):
                        wrong.append("not warm")
            except OSError as error:
                wrong.append(repr(error))

    threads = [threading.Thread(target=visit) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def check_leaks(folder: Path, connections: int) -> None:
    with serving(folder, ["-vHRl0"], handler("echo")) as served:
        assert crowd(served, 200) == []
        stem, server_pid = stem_of(served), served.process.pid
        seen = (server_pid, stem) if ROOT else (server_pid,)  # a stem lets nobody else look
        served.wait_for(lambda lines: lines[-1] == "tcpserver: status: 0/40")
        before = [(descriptors(pid), memory(pid)) for pid in seen]
        assert crowd(served, connections) == []
        assert stem_of(served) == stem
        served.wait_for(lambda lines: lines[-1] == "tcpserver: status: 0/40")
        after = [(descriptors(pid), memory(pid)) for pid in seen]
        for (numbers, size), (numbers_now, size_now) in zip(before, after, strict=True):
            assert numbers_now == numbers
            assert size_now < size + 1024


def test_hundreds_of_connections_leave_nothing(folder: Path) -> None:
    check_leaks(folder, 300)


@pytest.mark.slow
def test_very_many_connections_leave_nothing(folder: Path) -> None:
    check_leaks(folder, int(os.environ.get("UCSPI_SOAK", "20000")))
