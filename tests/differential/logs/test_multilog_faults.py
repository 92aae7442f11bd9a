"""multilog when a system call fails, against the original: both say the same, wait, and lose nothing."""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.commands import ours, run_file
from tests.support.logtrees import LABEL, Tree, tree
from tests.support.oracles import Oracle, missing

pytestmark = [pytest.mark.oracle, pytest.mark.slow]

CALLS = "openat,read,write,fsync,fchdir,rename,link,unlink,chmod,fchmod"
CALL = re.compile(r'^(\w+)\((?:AT_FDCWD, )?(?:"([^"]*)")?')
LINES = b"".join(b"%04d\n" % number for number in range(1000))
SCRIPT = ["s4096", "n2", "!cat; date >&5", "./log"]

# What is tried again, by the file it names, or what it does: the first and the second file that ends.
Point = tuple[str, str, int]
STEPS = {"fsync", "fchdir", "rename", "link", "unlink", "chmod", "fchmod", "openat"}


def strace() -> str:
    if not os.access("/usr/bin/strace", os.X_OK):
        missing("strace is not installed")
    return "/usr/bin/strace"


def end_of(command: list[str], where: Path) -> tuple[int, bytes]:
    """Run a multilog on the lines; return its exit code and what it said."""
    (where / "source").write_bytes(LINES)
    code, _, said = run_file(command, where, where / "source")
    return code, LABEL.sub(b"@", said)


def points(multilog: list[str], where: Path) -> dict[Point, int]:
    """Return the calls after the first input that are tried again, and which of its name each is.

    The files of a processor are opened by us, but by the original's child: they are left out.
    """
    where.mkdir()
    assert end_of([strace(), "-o", "trace", "-e", f"trace={CALLS}", *multilog], where) == (0, b"")
    count: dict[str, int] = {}
    seen: dict[tuple[str, str], int] = {}
    found: dict[Point, int] = {}
    reading = False
    for text in (where / "trace").read_text().splitlines():
        match = CALL.match(text)
        if match is None:
            continue
        name, file = match[1], LABEL.sub(b"@", (match[2] or "").encode()).decode()
        count[name] = count.get(name, 0) + 1
        reading = reading or text.startswith("read(0, ")
        for_processor = name == "openat" and "O_APPEND" not in text and file != "."
        if reading and name in STEPS and not for_processor:
            seen[name, file] = seen.get((name, file), 0) + 1
            found[name, file, seen[name, file]] = count[name]
        elif reading and name == "write" and ("write", "", 1) not in found:
            found["write", "", 1] = count[name]
    return found


def fail(multilog: list[str], where: Path, point: Point, count: int) -> tuple[tuple[int, bytes], Tree]:
    where.mkdir(parents=True)
    error = "ENOSPC" if point[0] in ("write", "openat") else "EIO"
    inject = f"inject={point[0]}:error={error}:when={count}"
    command = [strace(), "-o", "/dev/null", "-e", f"trace={point[0]}", "-e", inject, *multilog]
    outcome = end_of(command, where)
    (where / "source").unlink()
    (where / "log" / "state").write_bytes(b"")  # a date
    return outcome, tree(where)


def test_every_step_that_fails_is_told_and_tried_again_alike(oracle: Oracle, tmp_path: Path) -> None:
    commands = {"ours": [*ours("multilog"), *SCRIPT], "original": [oracle("multilog"), *SCRIPT]}
    found = {name: points(command, tmp_path / name) for name, command in commands.items()}
    # The original looks through the directory again after each file that it removed.
    more = found["original"].keys() - found["ours"].keys()
    assert {point[:2] for point in more} <= {("openat", ".")}
    assert found["ours"].keys() <= found["original"].keys()
    assert len(found["ours"]) > 20
    with ThreadPoolExecutor(20) as pool:
        waiting = {
            (point, name): pool.submit(
                fail, command, tmp_path / str(number) / name, point, found[name][point]
            )
            for number, point in enumerate(found["ours"])
            for name, command in commands.items()
        }
    for point in found["ours"]:
        mine, original = (waiting[point, name].result() for name in commands)
        assert mine == original, point
        assert (mine[0][0], mine[0][1].count(b"\n")) == (0, 1), point
