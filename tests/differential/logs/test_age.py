"""multilog's R: ``current`` ends when it is old, as with svlogd's t."""

import os
import subprocess
import time
from itertools import count
from pathlib import Path

import pytest

from tests.differential.logs.running import WHOLE, started
from tests.support.commands import ENVIRONMENT, ours
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE, wait_for

MULTILOG = ours("multilog")


def test_old_file_ends_without_more_input(tmp_path: Path) -> None:
    with started(MULTILOG, tmp_path, ["R1"]) as multilog:
        for lines in (b"one\ntwo\n", b"three\n"):
            before = len(multilog.finished())
            multilog.write(lines)
            wait_for(lambda: len(multilog.finished()) > before, "the file to be finished")  # noqa: B023
            assert multilog.finished()[-1] == lines
            assert multilog.current.read_bytes() == b""
        assert multilog.close() == (0, b"")
    assert multilog.finished() == [b"one\ntwo\n", b"three\n"]


def test_lines_that_keep_coming_hold_up_nothing_and_none_is_lost(tmp_path: Path) -> None:
    sent = []
    with started(MULTILOG, tmp_path, ["R1", "s16777215"]) as multilog:
        end = time.monotonic() + PATIENCE
        for number in count():
            sent.append(b"%d %s\n" % (number, b"x" * (number % 3000)))
            multilog.write(sent[-1])
            if len(multilog.finished()) == 2:
                break
            assert time.monotonic() < end
        assert multilog.close() == (0, b"")
        found = b"".join([*multilog.finished(), multilog.current.read_bytes()])
    assert found == b"".join(sent)


def test_each_log_has_its_own_age(tmp_path: Path) -> None:
    with started(MULTILOG, tmp_path, ["R1", "./young", "R3600", "./other", "R0"]) as multilog:
        multilog.write(b"line\n")
        wait_for(lambda: list((tmp_path / "young").glob("@*.s")), "the file to be finished")
        assert multilog.close() == (0, b"")
    assert [path.read_bytes() for path in (tmp_path / "young").glob("@*")] == [b"line\n"]
    for name in ("other", "log"):
        assert (tmp_path / name / "current").read_bytes() == b"line\n"


def test_file_that_became_old_before_the_start_ends_at_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.mkdir()
    (log / "current").write_bytes(b"old\n")
    (log / "current").chmod(WHOLE)
    (log / "lock").touch()
    os.utime(log / "lock", (0, 0))
    with started(MULTILOG, tmp_path, ["R3600"]) as multilog:
        wait_for(lambda: multilog.finished() == [b"old\n"], "the old file to be finished")
        assert multilog.close() == (0, b"")


@pytest.mark.parametrize("age", [2**31, 2**63 - 1])
def test_age_that_no_file_reaches_is_waited_for(age: int, tmp_path: Path) -> None:
    with started(MULTILOG, tmp_path, [f"R{age}"]) as multilog:
        multilog.write(b"one\n")
        multilog.logs(b"one\n")
        multilog.write(b"two\n")
        multilog.logs(b"one\ntwo\n")
        assert multilog.close() == (0, b"")
    assert multilog.finished() == []


@pytest.mark.oracle
def test_svlogd_ends_it_likewise(oracle: Oracle, tmp_path: Path) -> None:
    """An empty file is left, and the age begins with the file's first line or its start."""
    (tmp_path / "config").write_text("t1\n")
    with subprocess.Popen(
        [oracle("svlogd"), "."], cwd=tmp_path, stdin=subprocess.PIPE, env=ENVIRONMENT, bufsize=0
    ) as svlogd:
        assert svlogd.stdin is not None
        svlogd.stdin.write(b"one\n")
        wait_for(lambda: list(tmp_path.glob("@*.s")), "the file to be finished")
        svlogd.stdin.close()
        assert svlogd.wait(PATIENCE) == 0
    assert [path.read_bytes() for path in tmp_path.glob("@*")] == [b"one\n"]
