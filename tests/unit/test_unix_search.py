"""A program is searched as execvp of libc does it, and its failure is the one that execvp reports."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE
from ucspi.unix import search


@pytest.mark.parametrize(
    ("program", "path", "files"),
    [
        (b"./x", b"/bin", [b"./x"]),
        (b"a/b", None, [b"a/b"]),
        (b"x", None, [b"/bin/x", b"/usr/bin/x"]),
        (b"x", b"", [b"./x"]),
        (b"x", b"/a::/b", [b"/a/x", b"./x", b"/b/x"]),
    ],
)
def test_files_are_those_of_the_path(program: bytes, path: bytes | None, files: list[bytes]) -> None:
    assert search.files(program, path) == files


def exit_code(paths: list[bytes]) -> int:
    """Execute in a child; its exit code is the program's, or the errno of the error."""
    code = (
        "import sys, os; from ucspi.unix import search\n"
        "try: search.execute([os.fsencode(a) for a in sys.argv[1:]], [b'x'], [b'A=B'])\n"
        "except OSError as error: sys.exit(error.errno)"
    )
    return subprocess.run([sys.executable, "-c", code, *map(os.fsdecode, paths)], timeout=PATIENCE).returncode


def test_environment_arrives_entry_by_entry() -> None:
    entries = [b"B=1", b"A=2=3", b"A=again", b"EMPTY=", b"=x=nameless", b"bare", b""]
    code = f"from ucspi.unix import search; search.execute([b'/usr/bin/env'], [b'env'], {entries})"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True, timeout=PATIENCE)
    assert done.stdout.splitlines() == [b"B=1", b"A=2=3", b"A=again", b"EMPTY=", b"=x=nameless", b"bare="]


def test_denied_is_remembered_and_reported_before_missing(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    assert exit_code([bytes(tmp_path / "plain"), bytes(tmp_path / "missing")]) == errno.EACCES
    assert exit_code([bytes(tmp_path / "missing")]) == errno.ENOENT


def test_search_goes_on_after_denied_and_stops_at_another_error(tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_bytes(b"#!/bin/sh\nexit 7\n")
    bad.write_bytes(b"no interpreter line\n")
    for file in (good, bad):
        file.chmod(0o755)
    assert exit_code([bytes(tmp_path), bytes(good)]) == 7
    assert exit_code([bytes(bad), bytes(good)]) == errno.ENOEXEC
    assert exit_code([bytes(good / "x"), bytes(good)]) == errno.ENOTDIR
