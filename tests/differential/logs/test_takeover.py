"""Log directories that change hands: whoever wrote them, and however it ended, no line is lost."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.differential.logs.running import started
from tests.support.commands import ENVIRONMENT, ours, run
from tests.support.oracles import Oracle, missing
from tests.support.patience import PATIENCE, wait_for

pytestmark = pytest.mark.oracle

THEIRS = ["svlogd", "s6-log", "multilog"]
FIRST = b"".join(b"first %04d %s\n" % (number, b"x" * 89) for number in range(120))
SECOND = b"".join(b"second %04d\n" % number for number in range(30))
HELD = b"multilog: fatal: unable to lock directory ./log: temporary failure\n"
CALLS = ["write", "fsync", "rename", "openat", "fchmod,chmod", "unlink", "link", "clone"]
NO_LINES = ("lock", "config", "state", "newstate")


def command(oracle: Oracle, logger: str, where: Path, *, processed: bool = False) -> list[str]:
    """Return what has a logger write ``./log``, in files of at most 4096 bytes, of which many stay."""
    if logger == "svlogd":
        (where / "log").mkdir(exist_ok=True)
        (where / "log/config").write_text("s4096\nn100\n" + "!cat\n" * processed)
        return [oracle("svlogd"), "./log"]
    script = ["s4096", "n100", *["?cat" if logger == "s6-log" else "!cat"] * processed, "./log"]
    return [*(ours("multilog") if logger == "ours" else [oracle(logger)]), *script]


def lines(where: Path) -> set[bytes]:
    """Return each whole line of a log that rests, wherever it is."""
    files = [path for path in (where / "log").iterdir() if path.name not in NO_LINES]
    texts = [path.read_bytes() for path in files]
    return {line for text in texts for line in text[: text.rfind(b"\n") + 1].splitlines(keepends=True)}


def has(where: Path, line: bytes) -> bool:
    """Return whether a log has a line, wherever it is; files may be renamed meanwhile."""
    try:
        return line in lines(where)
    except FileNotFoundError:
        return False


def log(line: list[str], where: Path, data: bytes) -> bytes:
    """Have a logger log a stream to its end; return what it said."""
    code, _, said = run(line, where, data)
    assert code == 0, said
    return said


def strace() -> str:
    if not os.access("/usr/bin/strace", os.X_OK):
        missing("strace is not installed")
    return "/usr/bin/strace"


def kill(line: list[str], where: Path, call: str, count: int) -> None:
    """Have a logger log, and kill it at a system call, if it comes to that."""
    (where / "source").write_bytes(FIRST)
    source = os.open(where / "source", os.O_RDONLY)
    inject = f"inject={call}:signal=KILL:when={count}"
    run([strace(), "-o", "trace", "-e", f"trace={call}", "-e", inject, *line], where, source)
    os.close(source)


@pytest.mark.sampled(6)
@pytest.mark.parametrize("processed", [False, True], ids=["plain", "processed"])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("logger", THEIRS)
def test_killed_logger_is_followed(
    oracle: Oracle, logger: str, call: str, count: int, processed: bool, tmp_path: Path
) -> None:
    line = command(oracle, logger, tmp_path, processed=processed)
    kill(line, tmp_path, call, count + 25 * (call == "openat"))
    if not (tmp_path / "log").exists():
        (tmp_path / "log").mkdir()
    before = lines(tmp_path)
    said = log(command(oracle, "ours", tmp_path, processed=processed), tmp_path, SECOND)
    assert lines(tmp_path) == before | set(SECOND.splitlines(keepends=True))
    for text in said.splitlines():
        assert logger == "svlogd"
        assert text.startswith((b"multilog: warning: ./log/config: ", b"multilog: warning: ./log/@*.t: "))
    left = {path.name for path in (tmp_path / "log").iterdir() if path.name[:1] != "@"}
    assert left <= {"config", "current", "lock", "state", *(["newstate"] if logger == "svlogd" else [])}


@pytest.mark.parametrize("logger", THEIRS)
def test_logger_that_ended_well_is_continued(oracle: Oracle, logger: str, tmp_path: Path) -> None:
    log(command(oracle, logger, tmp_path), tmp_path, b"one\n")
    log(command(oracle, "ours", tmp_path), tmp_path, b"two\n")
    assert (tmp_path / "log/current").read_bytes() == b"one\ntwo\n"


def test_processor_runs_where_the_logger_before_had_none(oracle: Oracle, tmp_path: Path) -> None:
    """Without a state no processor can be started, and svlogd leaves none: the original waits forever."""
    log(command(oracle, "svlogd", tmp_path), tmp_path, b"one\n")
    assert not (tmp_path / "log/state").exists()
    log([*ours("multilog"), "n100", "s4096", "!cat; echo kept >&5", "./log"], tmp_path, FIRST)
    assert lines(tmp_path) == {b"one\n", *FIRST.splitlines(keepends=True)}
    assert (tmp_path / "log/state").read_bytes() == b"kept\n"


@pytest.mark.parametrize("is_killed", [False, True], ids=["ended", "killed"])
@pytest.mark.parametrize("logger", THEIRS)
def test_ours_is_followed(oracle: Oracle, logger: str, is_killed: bool, tmp_path: Path) -> None:
    with started(ours("multilog"), tmp_path, ["s4096", "n100", "!cat"]) as multilog:
        multilog.write(FIRST)
        multilog.write(b"the last line\n")
        wait_for(lambda: has(tmp_path, b"the last line\n"), "the last line")
        if is_killed:
            multilog.kill(signal.SIGKILL)
            multilog.ends()
        else:
            multilog.close()
    line = command(oracle, logger, tmp_path)
    if logger == "s6-log" and is_killed and (tmp_path / "log/previous").exists():
        run(
            line, tmp_path
        )  # it gives the two files that it finishes one name, ends, and goes on when started again
    log(line, tmp_path, SECOND)
    expected = set((FIRST + SECOND).splitlines(keepends=True))
    assert lines(tmp_path) == expected | {b"the last line\n"}


@pytest.mark.parametrize("logger", THEIRS)
def test_log_that_another_logger_holds_is_left_alone(oracle: Oracle, logger: str, tmp_path: Path) -> None:
    with subprocess.Popen(
        command(oracle, logger, tmp_path), cwd=tmp_path, stdin=subprocess.PIPE, env=ENVIRONMENT, bufsize=0
    ) as holder:
        assert holder.stdin is not None
        holder.stdin.write(b"held\n")
        wait_for(lambda: has(tmp_path, b"held\n"), "a line")
        assert run([*ours("multilog"), "./log"], tmp_path) == (111, b"", HELD)
        holder.stdin.close()
        assert holder.wait(PATIENCE) == 0
    assert (tmp_path / "log/current").read_bytes() == b"held\n"


@pytest.mark.parametrize("logger", THEIRS)
def test_log_that_we_hold_is_left_alone(oracle: Oracle, logger: str, tmp_path: Path) -> None:
    line = command(oracle, logger, tmp_path)
    with started(ours("multilog"), tmp_path, []) as multilog:
        multilog.write(b"ours\n")
        multilog.logs(b"ours\n")
        assert run(line, tmp_path)[0] != 0
        multilog.write(b"still\n")
        multilog.logs(b"ours\nstill\n")
        assert multilog.close()[0] == 0
