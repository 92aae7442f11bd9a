"""multilog killed at each of its system calls, and started again: what is lost, torn or doubled.

The same is done to the original, which says what is permitted: what the last
read gave may be lost, from somewhere on, and no more.
"""

import os
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.support.commands import ours, run
from tests.support.logtrees import logged
from tests.support.oracles import Oracle, missing

pytestmark = [pytest.mark.oracle, pytest.mark.slow]

# All that changes files, and what is between such calls.
CALLS = "mkdir,openat,flock,read,write,fsync,fchdir,close,rename,link,unlink,chmod,fchmod,vfork,clone,wait4"
FIRST_OF_LOG = re.compile(r'^mkdir\("\./log"')
CALL = re.compile(r"^(\w+)\(")

LINES = b"".join(b"%04d %s\n" % (number, b"x" * (number % 97)) for number in range(110))

# Bytes that may be lost: what is read at once, and the beginning of the longest line, read before.
# Ours reads more at once, but no more than fits into a file: here 2096 bytes, in whole steps.
MEMORY = {"original": 1024 + 101, "ours": 2048 + 101}
SCRIPTS = {"plain": ["s4096", "./log"], "processed": ["s4096", "!cat; date >&5", "./log"]}


def strace() -> str:
    if not os.access("/usr/bin/strace", os.X_OK):
        missing("strace is not installed")
    return "/usr/bin/strace"


def calls(multilog: list[str], where: Path) -> list[tuple[str, int]]:
    """Return each system call since the log's directory is made: its name, and the how manieth of it."""
    where.mkdir()
    source = opened(where)
    assert run([strace(), "-o", "trace", "-e", f"trace={CALLS}", *multilog], where, source)[0] == 0
    os.close(source)
    count: Counter[str] = Counter()
    found: list[tuple[str, int]] = []
    for text in (where / "trace").read_text().splitlines():
        match = CALL.match(text)
        if match is None:
            continue
        count[match[1]] += 1
        if found or FIRST_OF_LOG.match(text):
            found.append((match[1], count[match[1]]))
    return found


def opened(where: Path) -> int:
    (where / "source").write_bytes(LINES)
    return os.open(where / "source", os.O_RDONLY)


def check(multilog: list[str], where: Path, call: str, count: int) -> tuple[bool, int]:
    """Kill it at a call and start it again.

    Returns:
        Whether it came to that call (not every run makes as many of each kind), and how many bytes
        that it had read are lost.
    """
    where.mkdir()
    source = opened(where)
    inject = f"inject={call}:signal=KILL:when={count}"
    run([strace(), "-o", "trace", "-e", f"trace={call}", "-e", inject, *multilog], where, source)
    killed = "killed by SIGKILL" in (where / "trace").read_text()
    read = os.lseek(source, 0, os.SEEK_CUR)
    assert run(multilog, where, source)[0] == 0
    os.close(source)
    found = logged(where / "log")
    kept = len(found) - len(LINES[read:])
    assert found == LINES[:kept] + LINES[read:], (call, count)
    assert {path.name for path in (where / "log").glob("[!@]*")} == {"current", "lock", "state"}
    assert (where / "log" / "current").stat().st_mode & 0o777 == 0o744
    return killed, read - kept


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("which", ["ours", "original"])
def test_what_was_logged_stays_whatever_call_it_dies_at(
    oracle: Oracle, which: str, script: str, tmp_path: Path
) -> None:
    multilog = [*(ours("multilog") if which == "ours" else [oracle("multilog")]), *SCRIPTS[script]]
    points = calls(multilog, tmp_path / "traced")
    assert {"write", "rename", "link", "unlink", "fsync"} <= {call for call, _ in points}
    runs = [
        check(multilog, tmp_path / f"{call}{count}", call, count) for call, count in points if call != "mkdir"
    ]
    lost = [bytes_lost for killed, bytes_lost in runs if killed]
    assert len(lost) > 50
    assert len(runs) - len(lost) <= 3
    assert 0 <= min(lost) <= max(lost) <= MEMORY[which]
