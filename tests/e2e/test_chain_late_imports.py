"""A server with a chain of every link imports nothing, and opens no file of ours, once it serves."""

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

import ucspi
from tests.support.commands import COMMANDS
from tests.support.hidden_imports import hiding, imported
from tests.support.oracles import missing
from tests.support.patience import PATIENCE, wait_for
from tests.support.serving import Served, read_all, serving
from tests.support.warmed import CAN_BE_WARM, server
from ucspi.unix import mover

pytestmark = [
    pytest.mark.sampled(3),
    pytest.mark.e2e,
    pytest.mark.skipif(
        not (CAN_BE_WARM and mover.is_there()),
        reason="there are no steps without the compiled module, launchers and the mover",
    ),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user"),
]


def link(name: str) -> str:
    return str(COMMANDS / name)


# Beside the lock one descriptor is left: an executed argv0 would not start with that.
WORDS = [link("softlimit"), "-o5", link("argv0"), "/bin/cat", "x"]
CHAINS = {
    "a program": [
        *(link("pgrphack"), "./linked", link("recordio"), "x"),
        *(link("envuidgid"), "nobody", link("envdir"), "./variables"),
        *(link("fixcrio"), link("setlock"), "./lock", link("setuidgid"), "nobody", *WORDS),
    ],
    "a filter": [link("recordio"), link("argv0"), link("delcr"), "x"],
    "another filter": [link("fixcrio"), link("envdir"), "./variables", link("addcr")],
}


@pytest.fixture(params=CHAINS)
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables/A").write_text("b\n")
    (tmp_path / "linked").symlink_to(link("argv0"))
    return CHAINS[request.param]


def answers(served: Served) -> bytes:
    with served.connect() as client:
        client.sendall(b"hello\n")
        client.shutdown(socket.SHUT_WR)
        return read_all(client).replace(b"\r", b"")


def test_server_with_a_chain_imports_nothing(tmp_path: Path, chain: list[str]) -> None:
    command = hiding(tmp_path, "tcpserver")
    with serving(tmp_path, ["-vHRl0"], chain, command=command) as served:
        pid = served.process.pid
        assert answers(served) == b"hello\n"
        assert imported(tmp_path) == ""
        # All that its links meet: what is not there, what is there again, what is another one, no descriptor.
        (tmp_path / "variables").rename(tmp_path / "away")
        answers(served)
        (tmp_path / "away").rename(tmp_path / "variables")
        (tmp_path / "linked").unlink()
        answers(served)
        (tmp_path / "linked").symlink_to("/usr/bin/env")
        answers(served)
        (tmp_path / "linked").unlink()
        (tmp_path / "linked").symlink_to(link("argv0"))
        wait_for(lambda: answers(served) == b"hello\n", "steps that are taken again")
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{pid}/fd")) + 1, before[1]))
        answers(served)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        assert answers(served) == b"hello\n"
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(PATIENCE) == 0
        assert "Traceback" not in served.log.read_text("latin-1")
    assert imported(tmp_path) == ""


@pytest.fixture
def strace() -> str:
    if not os.access("/usr/bin/strace", os.X_OK):
        missing("strace is not installed")
    return "/usr/bin/strace"


def named(trace: Path) -> Iterator[tuple[str, str]]:
    """Yield each system call that opens or executes a file, and its path; a glance does neither."""
    lines = trace.read_text("latin-1").splitlines()
    for line in [line for line in lines if "RESOLVE_CACHED" not in line]:
        if found := re.search(r'\b(open|openat|openat2|execve|execveat)\([^"]*"([^"]*)"', line):
            yield found[1], found[2]


def test_steps_open_no_file_of_ours(tmp_path: Path, chain: list[str], strace: str) -> None:
    """Whoever may not read them is served all the same, and after an upgrade they are others."""
    ours = [
        str(path)
        for path in (
            COMMANDS,
            Path(ucspi.__file__).parent,
            sysconfig.get_path("platlib"),
            sysconfig.get_path("stdlib"),
            sys.executable,
        )
    ]
    trace = tmp_path / "trace"
    with server(tmp_path, "warm", chain) as running:
        running.visit(b"first\n")
        tracer = subprocess.Popen(
            [strace, "-f", "-qq", "-o", trace, "-e", "trace=%file", "-p", str(running.process.pid)],
            stderr=subprocess.PIPE,
        )
        try:
            status = Path(f"/proc/{running.process.pid}/status")
            wait_for(lambda: f"TracerPid:\t{tracer.pid}" in status.read_text(), tracer.poll)
            for _ in range(3):
                assert running.visit(b"hello\n")[0].replace(b"\r", b"") == b"hello\n"
        finally:
            tracer.terminate()
            tracer.communicate(timeout=PATIENCE)
    calls = list(named(trace))
    assert any(call.startswith("exec") for call, _ in calls), "a trace that shows what is executed"
    assert [path for _, path in calls if path.startswith(tuple(ours))] == []
