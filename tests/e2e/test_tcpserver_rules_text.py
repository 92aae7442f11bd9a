"""Rules that need no compiling."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE, wait_for
from tests.support.serving import COMMAND, ENVIRONMENT, Served, read_all, serving

pytestmark = pytest.mark.e2e


def allows(served: Served) -> bool:
    with served.connect() as client:
        return read_all(client) != b""


def wait_until_denied(served: Served) -> None:
    """Connect until an edit counts, which is after it was seen for a second."""
    wait_for(lambda: not allows(served), served.lines)


def test_text_judges_and_an_edit_counts(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text('127.0.0.1:allow,WHO="you"\n:deny\n')
    with serving(tmp_path, ["-vHRl0", "--rules-text", "rules"], ["printenv", "WHO"]) as served:
        for source, text in (("127.0.0.1", b"you\n"), ("127.0.0.2", b"")):
            with served.connect(source) as client:
                assert read_all(client) == text
        rules.write_text("127.0.0.1:deny,\n")
        # It is told of though nobody comes.
        served.wait_for(
            lambda lines: any("rules:1:" in line and "last good rules stay" in line for line in lines)
        )
        assert allows(served)
        rules.write_text(":deny\n")
        wait_until_denied(served)


def test_half_a_text_whose_times_are_old_never_counts(tmp_path: Path) -> None:
    """As an editor's on a file server whose clock is wrong."""
    rules = tmp_path / "rules"
    whole = ":deny\n" + "".join(f"10.0.{n}.:deny\n" for n in range(50))
    rules.write_text("127.0.0.1:deny\n:deny\n")
    with serving(tmp_path, ["-HRl0", "--rules-text", "rules"], ["echo", "in"]) as served:
        end = time.monotonic() + 2.5
        with rules.open("wb", buffering=0) as file:
            file.write(b"127.0.0.1:allow\n")
            while time.monotonic() < end:
                file.write(b"# and more\n")
                os.utime(rules, (1, 1))
                assert not allows(served)
                time.sleep(0.1)
            file.write(b"127.0.0.1:deny\n".join([b"", whole.encode()]))
        assert not allows(served)


@pytest.mark.slow
def test_rules_by_the_thousand_leave_the_server_awake(tmp_path: Path) -> None:
    """They are compiled beside it: clients are judged by the old ones, and TERM ends it at once."""
    rules = tmp_path / "rules"
    rules.write_text("127.0.0.1:allow\n:deny\n")
    lines = [b"10.%d.%d.%d:deny\n" % (n >> 16, n >> 8 & 255, n & 255) for n in range(100_000)]
    with serving(tmp_path, ["-HRl0", "--rules-text", "rules"], ["echo", "in"]) as served:
        rules.write_bytes(b"".join(lines) + b":deny\n")
        longest, deadline = 0.0, time.monotonic() + 60
        while True:
            begin = time.monotonic()
            is_in = allows(served)
            longest = max(longest, time.monotonic() - begin)
            if not is_in:
                break
            assert begin < deadline
        assert longest < 1.8  # it was one step of two seconds


def test_odd_text_at_the_start_is_refused_with_every_fault(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text("10:deny\n:Allow\n")
    command = [*COMMAND, "--rules-text", "rules", "127.0.0.1", "0", "true"]
    done = subprocess.run(command, capture_output=True, env=ENVIRONMENT, cwd=tmp_path, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (100, b"")
    lines = done.stderr.splitlines()
    assert lines[0] == b"tcpserver: fatal: unable to judge by rules"
    assert [line.split(b":")[:2] for line in lines[1:]] == [[b"rules", b"1"], [b"rules", b"2"]]


@pytest.mark.parametrize("options", [["--rules-text", "missing"], ["--rules-text", "x", "-x", "y"]])
def test_text_that_cannot_be_meant_is_one_line(tmp_path: Path, options: list[str]) -> None:
    command = [*COMMAND, *options, "127.0.0.1", "0", "true"]
    done = subprocess.run(command, capture_output=True, env=ENVIRONMENT, cwd=tmp_path, timeout=PATIENCE)
    assert done.returncode in (100, 111)
    assert done.stderr.count(b"\n") == 1
