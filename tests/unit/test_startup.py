"""What a program loads before it works: start-up is a part of speed."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import ucspi
import ucspi.cdb
from tests.support.commands import ENVIRONMENT
from tests.support.patience import PATIENCE
from ucspi.cdb import make
from ucspi.unix import mover

pytestmark = pytest.mark.sampled(3)

PACKAGE = Path(ucspi.__file__).parent.parent
RUN = "import sys; from ucspi.programs.{0} import main; sys.argv = ['{0}', *sys.argv[1:]]; sys.exit(main())"

# Modules that cost more than what the programs need of them.
HEAVY = {
    "abc",
    "argparse",
    "asyncio",
    "cffi",
    "collections",
    "contextlib",
    "ctypes",
    "dataclasses",
    "enum",
    "functools",
    "importlib",
    "inspect",
    "logging",
    "pathlib",
    "re",
    "shutil",
    "signal",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "typing",
}

# How many modules of ours each may load, packages and compiled modules counted:
# what they load today.  Raise a number only with a measurement of start-up.
# The pure core is made of some more modules than the compiled one.
MORE = 10 if ucspi.cdb.backend() == "pure" else 0
OURS = {"rblsmtpd": 17, "tcprules": 35, "tcprulescheck": 30, "tcpserver": 72}
CDB_PROGRAMS = {
    "cdbmake new.cdb new.tmp": 21,
    "cdbdump": 24,
    "cdbget one": 18,
    "cdbstats": 23,
    "cdbtest": 23,
    "cdb -d": 24,
    "cdb -q a.cdb one": 20,
    "cdb -c new.cdb text": 24,
    "cdb -s a.cdb": 29,
}

# None of these needs the compiled module to start.
LINKS = {
    "argv0 true true": 12,
    "addcr": 14,
    "delcr": 14,
    "recordio true": 16 if mover.is_there() else 20,
    "fixcrio true": 16 if mover.is_there() else 23,
    "mconnect-io": 14,
    "proxyio": 13,
    "multilog t DIRECTORY/log": 31,
    "setuidgid root true": 14,
    "envuidgid root true": 13,
    "envdir DIRECTORY true": 12,
    "softlimit -c0 true": 14,
    "setlock /dev/null true": 15,
    "pgrphack true": 12,
    "fghack true": 13,
    "readproctitle .....": 11,
    "tai64n": 16,
    "tai64nlocal": 17,
}

# The most for a function that does nothing; the modules that the operator imports come on top.
PYHANDLER = 19

# What is wrong with the last argument they find when all is loaded.
SERVICES = {
    "supervise /dev/null": 35,
    "svc -u /dev/null": 14,
    "svc --wait up -u /dev/null": 21,
    "svok /dev/null": 13,
    "svstat /dev/null": 16,
    "svstat --check /dev/null": 18,
    "svstat --json /dev/null": 20,
    "svwait up /dev/null": 21,
}

# Nothing answers on the last ones: by then all is loaded.
CLIENTS = {
    "tcpclient -RHl0 127.0.0.1 PORT true": 24,
    "tcpclient -l0 127.0.0.1 PORT true": 31,
    "mconnect 127.0.0.9 PORT": 26,
    "tcpcat 127.0.0.9 PORT": 22,
    "who 127.0.0.9": 22,
    "finger 127.0.0.9": 22,
    "http 127.0.0.9 page PORT": 22,
}


def imported(lines: str) -> set[str]:
    """Return the modules that ``-X importtime`` names."""
    return {line.rpartition("|")[2].strip() for line in lines.splitlines() if line.startswith("import time:")}


def ours(loaded: set[str]) -> list[str]:
    """Return which modules of ours are among some; not what the bootstrap loads before."""
    return sorted(
        {name for name in loaded if name.partition(".")[0] == "ucspi"} - {"ucspi.unix.inheritedstate"}
    )


def command(program: str, *arguments: str) -> list[str]:
    return [sys.executable, "-X", "importtime", "-c", RUN.format(program), *arguments]


@pytest.fixture(scope="module")
def bare() -> set[str]:
    """Give what this Python itself loads; an editable installation adds to it."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "pass"], capture_output=True, text=True, check=True
    )
    return imported(done.stderr)


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """Give compiled rules, and what compiling them loaded."""
    directory = tmp_path_factory.mktemp("startup")
    done = subprocess.run(
        command("tcprules", str(directory / "rules.cdb"), str(directory / "rules.tmp")),
        input="127.:allow\n:deny\n",
        capture_output=True,
        text=True,
        check=True,
    )
    return directory / "rules.cdb", imported(done.stderr)


def check(program: str, loaded: set[str], bare: set[str]) -> None:
    assert not (loaded - bare) & HEAVY
    names = ours(loaded)
    assert 0 < len(names) <= OURS[program] + MORE, names


def test_tcprules_loads_little(rules: tuple[Path, set[str]], bare: set[str]) -> None:
    check("tcprules", rules[1], bare)


def test_tcprulescheck_loads_little(rules: tuple[Path, set[str]], bare: set[str]) -> None:
    done = subprocess.run(
        command("tcprulescheck", str(rules[0])), capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert done.stdout.endswith("deny connection\n")
    check("tcprulescheck", imported(done.stderr), bare)


def test_rblsmtpd_that_asks_nobody_loads_little(bare: set[str]) -> None:
    done = subprocess.run(
        command("rblsmtpd", "-r", "list.test", "echo", "served"),
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
        env=ENVIRONMENT | {"RBLSMTPD": ""},
    )
    assert done.stdout == "served\n"
    check("rblsmtpd", imported(done.stderr), bare)
    assert not [name for name in imported(done.stderr) if name.partition(".")[0] == "dns"]


@pytest.mark.parametrize("line", CDB_PROGRAMS)
def test_cdb_programs_load_little(line: str, tmp_path: Path, bare: set[str]) -> None:
    make(tmp_path / "a.cdb", [(b"one", b"1")])
    (tmp_path / "text").write_bytes(b"+3,1:one->1\n\n")
    program, *arguments = line.split()
    with open(tmp_path / ("text" if program == "cdbmake" else "a.cdb"), "rb") as file:
        done = subprocess.run(
            command(program, *arguments),
            stdin=file,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=ENVIRONMENT,
            timeout=PATIENCE,
        )
    assert done.returncode == 0, done.stderr
    loaded = imported(done.stderr)
    assert not (loaded - bare) & HEAVY
    names = ours(loaded)
    assert 0 < len(names) <= CDB_PROGRAMS[line] + MORE, names


@pytest.mark.parametrize("line", LINKS)
def test_links_of_a_chain_load_little(line: str, tmp_path: Path, bare: set[str]) -> None:
    program, *arguments = line.replace("DIRECTORY", str(tmp_path)).split()
    done = subprocess.run(
        command(program.replace("-", "_"), *arguments),
        input="",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    refused = program == "setuidgid" and os.geteuid() != 0  # in its last step
    refused |= program == "proxyio"  # there is no connection
    assert done.returncode == (111 if refused else 0), done.stderr
    loaded = imported(done.stderr)
    assert not (loaded - bare) & {*HEAVY, "_cffi_backend"}
    names = ours(loaded)
    assert 0 < len(names) <= LINKS[line], names


def test_pyhandler_loads_little(bare: set[str], tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("def serve(client):\n    client.writer.write(client.reader.read())\n")
    done = subprocess.run(
        command("pyhandler", "own:serve"),
        input="text",
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout) == (0, "text")
    loaded = imported(done.stderr)
    assert not (loaded - bare) & {*HEAVY, "_cffi_backend", "traceback"}
    names = ours(loaded)
    assert 0 < len(names) <= PYHANDLER, names


@pytest.mark.parametrize(
    "line",
    [
        "argv0 true true",
        "setuidgid root true",
        "envuidgid root true",
        "softlimit -c0 true",
        *(["recordio true", "fixcrio true"] if mover.is_there() else []),
        "svc -u /dev/null",
        "svok /dev/null",
        "svstat /dev/null",
        "svwait up /dev/null",
        "tcprules rules.cdb rules.tmp",
        "tcpserver --listen-fd 0 true",  # fails before the rest is loaded
    ],
)
def test_small_programs_do_without_os(line: str, tmp_path: Path) -> None:
    """To import it takes a tenth of what such a program takes, so they use its builtin half."""
    program, *arguments = line.split()
    script = f"import sys; sys.path.insert(0, {str(PACKAGE)!r})\n{RUN.format(program)}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "importtime", "-c", script, *arguments],
        input="127.:allow\n10.0.0.0/8:deny\n::1:allow\n:deny\n",
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=PATIENCE,
    )
    loaded = imported(done.stderr)
    assert f"ucspi.programs.{program}" in loaded, done.stderr
    assert not {"os", "_collections_abc", "posixpath"} & loaded


@pytest.mark.parametrize(
    ("options", "last", "most"),
    [([], "ucspi.service.startclassic", 31), (["--in-process"], "ucspi.service.superviseall", 60)],
    ids=["processes", "in process"],
)
def test_svscan_loads_little(
    options: list[str], last: str, most: int, bare: set[str], tmp_path: Path
) -> None:
    scanner = subprocess.Popen(
        command("svscan", *options, str(tmp_path)), stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    said = ""
    try:
        assert scanner.stderr is not None
        while last not in imported(said):
            line = scanner.stderr.readline()
            assert line, said
            said += line
    finally:
        scanner.kill()
        scanner.communicate(timeout=PATIENCE)
    assert not (imported(said) - bare) & HEAVY
    names = ours(imported(said))
    assert 0 < len(names) <= most, names


@pytest.mark.parametrize("line", SERVICES)
def test_service_programs_load_little(line: str, bare: set[str]) -> None:
    done = subprocess.run(command(*line.split()), capture_output=True, text=True, timeout=PATIENCE)
    assert "not a directory" in done.stdout + done.stderr
    loaded = imported(done.stderr)
    assert not (loaded - bare) & HEAVY
    names = ours(loaded)
    assert 0 < len(names) <= SERVICES[line], names


def test_tcpserver_loads_little_until_it_has_served_a_client(
    rules: tuple[Path, set[str]], bare: set[str]
) -> None:
    server = subprocess.Popen(
        command("tcpserver", "-1", "-vRHl0", "-x", str(rules[0]), "127.0.0.1", "0", "echo", "served"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        with socket.create_connection(("127.0.0.1", int(server.stdout.readline()))) as client:
            assert client.recv(100) == b"served\n"
        server.send_signal(signal.SIGTERM)
        _, said = server.communicate(timeout=PATIENCE)
    finally:
        server.kill()
        server.wait(PATIENCE)
    check("tcpserver", imported(said), bare)


# Stops the server when it loads what only serving needs, and tells what is there by then.
AT_LISTENING = """
import os, sys, _socket

def listens(number):
    try:
        sock = _socket.socket(fileno=os.dup(int(number)))
        return sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ACCEPTCONN)
    except OSError:
        return 0

class Stop:
    def find_spec(self, name, path=None, target=None):
        if name == "ucspi.programs._tcpserver_prepare":
            print(*sorted(name for name in sys.modules if name.partition(".")[0] == "ucspi"))
            print(sum(map(listens, os.listdir("/proc/self/fd"))), flush=True)
            os._exit(0)

sys.meta_path.insert(0, Stop())
from ucspi.programs.tcpserver import main
sys.exit(main())
"""


def test_tcpserver_listens_before_it_loads_what_serving_needs(rules: tuple[Path, set[str]]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_LISTENING, "-x", str(rules[0]), "127.0.0.1", "0", "true"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    ours, listening = done.stdout.splitlines()
    assert listening == "1"
    assert len(ours.split()) <= 24, ours
    assert not {"ucspi.cdb", "ucspi.rules", "ucspi.tcp.server.loop"} & set(ours.split())


@pytest.mark.parametrize("line", CLIENTS)
def test_clients_load_little(line: str, bare: set[str]) -> None:
    program, *arguments = line.split()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        given = [argument.replace("PORT", port) for argument in arguments]
        done = subprocess.run(command(program, *given), capture_output=True, text=True, timeout=PATIENCE)
    loaded = imported(done.stderr)
    assert not (loaded - bare) & HEAVY
    names = ours(loaded)
    assert 0 < len(names) <= CLIENTS[line], names
