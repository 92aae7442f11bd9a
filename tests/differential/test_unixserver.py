"""What the handler of a client of the UNIX domain is told, against unixserver of ucspi-unix 1.0."""

import os
import select
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE
from tests.support.serving import COMMAND, ENVIRONMENT, read_all, serving

pytestmark = [pytest.mark.oracle, pytest.mark.e2e]

# The handler's own pid is shown as a word, for it differs from run to run.
SCRIPT = """\
#!/bin/sh
env | grep -E '^(PROTO|UNIX)' | sed "s/^UNIXLOCALPID=$$\\$/UNIXLOCALPID=own/" | sort
"""


def ask(path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(str(path))
        return read_all(client)


def first_line(process: subprocess.Popen[bytes]) -> bytes:
    """Return what it says once it listens."""
    assert process.stdout is not None
    with process.stdout:  # what it says later is for nobody
        assert select.select([process.stdout], [], [], PATIENCE)[0]
        return process.stdout.readline()


def ask_original(oracle: Oracle, folder: Path) -> tuple[bytes, int]:
    """Return what its handler is told, and its exit code after SIGTERM."""
    command = [oracle("unixserver"), "-v", "./s", "./show"]  # it takes options from behind the program too
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE)
    try:
        assert first_line(process) == b"unixserver: status: 0/10\n"
        text = ask(folder / "s")
        process.send_signal(signal.SIGTERM)
        return text, process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait(PATIENCE)


def test_handler_is_told_the_same_and_the_file_is_gone_after_term(oracle: Oracle, tmp_path: Path) -> None:
    show = tmp_path / "show"
    show.write_text(SCRIPT)
    show.chmod(0o755)
    theirs, code = ask_original(oracle, tmp_path)
    assert not (tmp_path / "s").exists()
    with serving(tmp_path, ["-HRl0", "--listen", "unix:./s"], ["./show"]) as served:
        ours = ask(tmp_path / "s")
        assert served.stop() == code == 0
    assert not (tmp_path / "s").exists()
    assert ours == theirs
    assert b"UNIXLOCALPID=own\n" in ours
    assert b"UNIXREMOTEPID=%d\n" % os.getpid() in ours


def test_our_server_does_not_take_the_place_of_a_live_one_of_theirs(oracle: Oracle, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [oracle("unixserver"), "-v", "./s", "true"], cwd=tmp_path, stdout=subprocess.PIPE
    )
    try:
        first_line(process)
        command = [*COMMAND, "-HRl0", "--listen", "unix:./s", "127.0.0.1", "0", "true"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, env=ENVIRONMENT, timeout=PATIENCE)
        assert done.returncode == 111
        assert done.stderr == b"tcpserver: fatal: unable to bind unix:./s: address already used\n"
    finally:
        process.kill()
        process.wait(PATIENCE)
    assert (tmp_path / "s").is_socket()  # a killed one of theirs leaves its file, which ours replaces
    with serving(tmp_path, ["-HRl0", "--listen", "unix:./s"], ["echo", "served"]):
        assert ask(tmp_path / "s") == b"served\n"
