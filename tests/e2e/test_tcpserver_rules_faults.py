"""Rules files that disappear, are cut or are no files: nobody gets in, the server lives, good ones count."""

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import ucspi.cdb
from tests.support.patience import wait_for
from tests.support.serving import Served, read_all, serving

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(3)]

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


def limit_memory(pid: int, more: int) -> None:
    """Let a process have only so many bytes more than it has."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    size = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmSize:"))
    resource.prlimit(pid, resource.RLIMIT_AS, (size + more, size + more))


def publish_many(path: Path, verdict: bytes) -> None:
    with ucspi.cdb.create(path, fsync=False) as writer:
        writer.add(b"127.0.0.1", verdict)
        for number in range(300_000):
            writer.add(b"10.%d.%d.%d" % (number >> 16, number >> 8 & 255, number & 255), b"D\0")


def test_rules_that_fit_only_alone_count(tmp_path: Path) -> None:
    rules = tmp_path / "rules.cdb"
    publish_many(rules, b"")
    with serving(tmp_path, ["-HRl0", "-x", "rules.cdb"], ["echo", "hi"]) as served:
        assert ask(served) == b"hi\n"
        limit_memory(served.process.pid, rules.stat().st_size // 2)
        for verdict, answer in ((b"D\0", b""), (b"", b"hi\n")):
            publish_many(rules, verdict)
            wait_for(
                lambda answer=answer: ask(served) == answer and told_nothing_of(served, answer),  # type: ignore[misc]
                served.lines,
            )
        assert served.stop() == 0


def told_nothing_of(served: Served, answer: bytes) -> bool:
    """Return whether the next client gets this answer by a rule, not by an error."""
    before = served.lines()
    return ask(served) == answer and served.lines() == before


@pytest.mark.slow
def test_text_that_does_not_fit_into_memory_leaves_the_last_good_rules(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text("127.0.0.1:allow\n:deny\n")
    with serving(tmp_path, ["-HRl0", "--rules-text", "rules"], ["echo", "hi"]) as served:
        assert ask(served) == b"hi\n"
        limit_memory(served.process.pid, 12 * 2**20)
        lines = [b"10.%d.%d.%d:deny\n" % (n >> 16, n >> 8 & 255, n & 255) for n in range(300_000)]
        rules.write_bytes(b"".join(lines) + b":deny\n")
        line = "tcpserver: warning: rules: out of memory; the last good rules stay"
        served.wait_for(lambda lines: line in lines)
        assert ask(served) == b"hi\n"
        rules.write_text(":deny\n")
        wait_for(lambda: ask(served) != b"hi\n", "the new rules")
        assert served.stop() == 0


def test_text_of_two_lines_asks_for_little_memory(tmp_path: Path) -> None:
    """256 MB were asked for."""
    (tmp_path / "rules").write_text("127.0.0.1:allow\n:deny\n")
    with serving(tmp_path, ["-HRl0", "--rules-text", "rules"], ["echo", "hi"], before=limit_all) as served:
        assert ask(served) == b"hi\n"


def limit_all() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (200 * 2**20,) * 2)


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
