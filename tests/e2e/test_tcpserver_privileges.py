"""A server that became another user stays that user, and so do its handlers."""

import ctypes
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE
from tests.support.serving import COMMAND, ENVIRONMENT, read_all, serving

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user"),
]

WHO = ["-u61234", "-g61235"]
PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP = 28, 1 << 2  # linux/prctl.h, linux/securebits.h
PR_CAPBSET_DROP, CAP_SETGID, CAP_SETUID = 24, 6, 7  # linux/prctl.h, linux/capability.h
SETS = ("CapPrm", "CapEff", "CapInh", "CapAmb")
TRY = """\
cat /proc/self/status
setpriv --reuid 0 true 2>/dev/null && echo Regained: user
setpriv --regid 0 --keep-groups true 2>/dev/null && echo Regained: group
setpriv --groups 0 true 2>/dev/null && echo Regained: groups
"""
LIBC = ctypes.CDLL(None, use_errno=True)


def read_status(text: str) -> dict[str, list[str]]:
    """Return the lines of a process's /proc status by their names."""
    return {name: value.split() for name, _, value in (line.partition(":") for line in text.splitlines())}


def status_of(pid: int) -> dict[str, list[str]]:
    return read_status(Path(f"/proc/{pid}/status").read_text())


def test_server_and_handler_cannot_become_root_again(tmp_path: Path) -> None:
    with serving(tmp_path, ["-vHRl0", *WHO], ["sh", "-c", TRY]) as served:
        with served.connect() as client:
            handler = read_status(read_all(client).decode())
        for status in (status_of(served.process.pid), handler):
            assert status["Uid"] == ["61234"] * 4
            assert status["Gid"] == ["61235"] * 4
            assert status["Groups"] == ["61235"]
            assert {int(status[name][0], 16) for name in SETS} == {0}
            assert "Regained" not in status


def children_of(pid: int) -> list[int]:
    """Return the processes whose parent this is, as far as they stay to be looked at."""
    found = []
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            parent = read_status(path.read_text())["PPid"]
        except (OSError, KeyError):
            continue
        if parent == [str(pid)]:
            found.append(int(path.parent.name))
    return found


def test_every_thread_of_the_server_and_of_its_helper_is_the_other_user(tmp_path: Path) -> None:
    with serving(tmp_path, ["-l0", "-R", *WHO], ["cat"]) as served, served.connect() as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"  # its name has been looked up
        family = [served.process.pid, *children_of(served.process.pid)]
        assert len(family) == 3, "the server, its helper for names, and the handler"
        for pid in family:
            for task in Path(f"/proc/{pid}/task").iterdir():
                status = read_status((task / "status").read_text())
                assert (status["Uid"], status["Groups"]) == (["61234"] * 4, ["61235"])


def refused(options: list[str], before: Callable[[], None]) -> bytes:
    """Run a server that must not start; return what it says."""
    command = [*COMMAND, "-1", *options, "127.0.0.1", "0", "true"]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=ENVIRONMENT,
        timeout=PATIENCE,
        preexec_fn=before,
    )
    assert (done.returncode, done.stdout) == (111, b""), done.stderr
    return bytes(done.stderr)


def call_prctl(number: int, value: int) -> None:
    if LIBC.prctl(number, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def keep_capabilities() -> None:
    call_prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)


def test_server_whose_root_could_come_back_does_not_start() -> None:
    expected = b"tcpserver: fatal: unable to set uid: permission denied\n"
    assert refused(["-HRl0", *WHO], keep_capabilities).endswith(expected)


@pytest.mark.oracle
def test_original_serves_though_root_could_come_back(tmp_path: Path, oracle: Oracle) -> None:
    original = (oracle("tcpserver"),)
    with serving(tmp_path, ["-HRl0", *WHO], ["true"], command=original, before=keep_capabilities) as served:
        with served.connect() as client:
            assert read_all(client) == b""  # by now the ids have changed
        status = status_of(served.process.pid)
        assert status["Uid"] == ["61234"] * 4
        assert int(status["CapEff"][0], 16) & 1 << CAP_SETUID


@pytest.mark.parametrize(("capability", "word"), [(CAP_SETUID, b"uid"), (CAP_SETGID, b"gid")])
def test_server_that_may_not_become_another_user_does_not_serve_as_root(capability: int, word: bytes) -> None:
    said = refused(["-HRl0", *WHO], lambda: call_prctl(PR_CAPBSET_DROP, capability))
    assert said == b"tcpserver: fatal: unable to set %s: permission denied\n" % word
