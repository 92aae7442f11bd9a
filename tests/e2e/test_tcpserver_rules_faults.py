"""Rules files that disappear, are cut or are no files: nobody gets in, the server lives, good ones count."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import ucspi.cdb
from tests.e2e.serving import Served, read_all, serving

pytestmark = pytest.mark.e2e

GIGABYTE = 2**30


def remove(path: Path) -> None:
    path.unlink()


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def become_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def become_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def become_zeros(path: Path) -> None:
    os.truncate(path, 0)
    os.truncate(path, GIGABYTE)


FAULTS: dict[Callable[[Path], None], str] = {
    remove: "file does not exist",
    truncate: "protocol error",
    empty: "protocol error",
    become_directory: "is a directory",
    become_fifo: "invalid argument",
    become_device: "invalid argument",
    become_zeros: "protocol error",
}


def publish(path: Path) -> None:
    """Put good rules, which allow, in place of whatever is there."""
    if path.is_dir():
        path.rmdir()
    with ucspi.cdb.create(path, fsync=False) as writer:
        writer.add(b"127.0.0.1", b"")


def ask(served: Served) -> bytes:
    with served.connect() as client:
        return read_all(client)


def peak_memory(pid: int) -> int:
    """Return the most bytes that a process ever had resident."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_rules_that_fail_let_nobody_in_until_they_are_good_again(
    tmp_path: Path, fault: Callable[[Path], None]
) -> None:
    rules = tmp_path / "rules.cdb"
    publish(rules)
    with serving(tmp_path, ["-HRl0", "-x", "rules.cdb"], ["echo", "hi"]) as served:
        assert ask(served) == b"hi\n"
        fault(rules)
        started = time.monotonic()
        assert (ask(served), ask(served)) == (b"", b"")
        assert time.monotonic() - started < 5
        line = f"tcpserver: warning: dropping connection, unable to read rules.cdb: {FAULTS[fault]}"
        served.wait_for(lambda lines: lines == [line] * 2)
        publish(rules)
        assert ask(served) == b"hi\n"
        assert peak_memory(served.process.pid) < GIGABYTE / 4


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_text_that_fails_leaves_the_last_good_rules(tmp_path: Path, fault: Callable[[Path], None]) -> None:
    rules = tmp_path / "rules"
    rules.write_text("127.0.0.1:allow\n:deny\n")
    with serving(tmp_path, ["-HRl0", "--rules-text", "rules"], ["echo", "hi"]) as served:
        fault(rules)
        (line,) = served.wait_for(lambda lines: lines != [])
        assert line.endswith("; the last good rules stay")
        started = time.monotonic()
        assert [ask(served) for _ in range(3)] == [b"hi\n"] * 3
        with served.connect("127.0.0.2") as stranger:
            assert read_all(stranger) == b""
        assert time.monotonic() - started < 5
        assert served.lines() == [line]
        assert peak_memory(served.process.pid) < GIGABYTE / 4
