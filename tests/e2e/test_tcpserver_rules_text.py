"""Rules that need no compiling."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.serving import COMMAND, DEADLINE, ENVIRONMENT, read_all, serving

pytestmark = pytest.mark.e2e


def write(path: Path, text: str) -> None:
    """Write a text as if five seconds ago."""
    path.write_text(text)
    then = time.time() - 5
    os.utime(path, (then, then))


def test_text_judges_and_an_edit_counts(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    write(rules, '127.0.0.1:allow,WHO="you"\n:deny\n')
    with serving(tmp_path, ["-vHRl0", "--rules-text", "rules"], ["printenv", "WHO"]) as served:
        for source, text in (("127.0.0.1", b"you\n"), ("127.0.0.2", b"")):
            with served.connect(source) as client:
                assert read_all(client) == text
        write(rules, "127.0.0.1:deny,\n")
        with served.connect() as client:
            assert read_all(client) == b"you\n"
        served.wait_for(
            lambda lines: any("rules:1:" in line and "last good rules stay" in line for line in lines)
        )
        write(rules, ":deny\n")
        with served.connect() as client:
            assert read_all(client) == b""


def test_odd_text_at_the_start_is_refused_with_every_fault(tmp_path: Path) -> None:
    write(tmp_path / "rules", "10:deny\n:Allow\n")
    command = [*COMMAND, "--rules-text", "rules", "127.0.0.1", "0", "true"]
    done = subprocess.run(command, capture_output=True, env=ENVIRONMENT, cwd=tmp_path, timeout=DEADLINE)
    assert (done.returncode, done.stdout) == (100, b"")
    lines = done.stderr.splitlines()
    assert lines[0] == b"tcpserver: fatal: unable to judge by rules"
    assert [line.split(b":")[:2] for line in lines[1:]] == [[b"rules", b"1"], [b"rules", b"2"]]


@pytest.mark.parametrize("options", [["--rules-text", "missing"], ["--rules-text", "x", "-x", "y"]])
def test_text_that_cannot_be_meant_is_one_line(tmp_path: Path, options: list[str]) -> None:
    command = [*COMMAND, *options, "127.0.0.1", "0", "true"]
    done = subprocess.run(command, capture_output=True, env=ENVIRONMENT, cwd=tmp_path, timeout=DEADLINE)
    assert done.returncode in (100, 111)
    assert done.stderr.count(b"\n") == 1
