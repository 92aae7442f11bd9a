"""Rules that are replaced within one second, on a disk whose times have whole seconds.

The original opens its rules for every client; it sits here as the judge.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.oracles import Oracle, missing
from tests.support.patience import wait_for
from tests.support.serving import COMMAND, Served, read_all, serving
from ucspi.cdb import create
from ucspi.rules import compile_rules

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.sampled(4),
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
]

FRIEND, FOE = "127.0.0.1", "127.0.0.9"


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Mount an ext4 whose inodes have room for seconds alone."""
    if shutil.which("mkfs.ext4") is None:
        missing("mkfs.ext4 is not installed")
    place = tmp_path_factory.mktemp("coarse")
    subprocess.run(["truncate", "-s", "8M", place / "image"], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-I", "128", place / "image"], check=True)
    (place / "disk").mkdir()
    done = subprocess.run(["mount", "-o", "loop", place / "image", place / "disk"], capture_output=True)
    if done.returncode:
        pytest.skip(f"no disk can be mounted: {done.stderr.decode().strip()}")
    yield place / "disk"
    subprocess.run(["umount", "-l", place / "disk"], check=True)


def tcprules(path: Path, friend: str) -> None:
    """Publish as tcprules does: the temporary takes the inode that became free last."""
    text = f"{friend}:allow\n:deny\n".encode()
    with create(path, tmp=path.with_suffix(".tmp")) as writer:
        compile_rules([text], writer.add)


def copy_in_place(path: Path, friend: str) -> None:
    other = path.with_suffix(".other")
    tcprules(other, friend)
    path.write_bytes(other.read_bytes())


def write_text(path: Path, friend: str) -> None:
    path.write_text(f"{friend}:allow\n:deny\n")


def allows(served: Served) -> bool:
    with served.connect(FRIEND) as client:
        return read_all(client) != b""


def begin_second() -> None:
    while time.time() % 1 > 0.1:
        time.sleep(0.01)


def same_times(path: Path, change: Callable[[], object]) -> bool:
    """Make a change; return whether it shows."""
    before = path.stat()
    change()
    after = path.stat()
    names = ("st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")
    return all(getattr(before, name) == getattr(after, name) for name in names)


def twice(write: Callable[[Path, str], None], rules: Path) -> None:
    """Refuse the friend; the second of two new files may have the inode of the one that was read."""
    write(rules, FOE)
    write(rules, FOE)


@pytest.mark.parametrize("program", ["ours", "original"])
@pytest.mark.parametrize("write", [tcprules, copy_in_place], ids=["tcprules", "cp"])
def test_last_of_two_changes_in_a_second_counts(
    disk: Path, tmp_path: Path, oracle: Oracle, program: str, write: Callable[[Path, str], None]
) -> None:
    command = COMMAND if program == "ours" else (oracle("tcpserver"),)
    rules = disk / "rules.cdb"
    tcprules(rules, FOE)
    with serving(tmp_path, ["-HRl0", "-x", str(rules)], ["echo", "in"], command=command) as served:
        assert not allows(served)
        for _ in range(8):
            begin_second()
            write(rules, FRIEND)
            time.sleep(0.2)  # longer than a tick of the kernel's clock
            assert allows(served)
            if same_times(rules, lambda: twice(write, rules)):
                break
            assert not allows(served)
        else:
            pytest.skip("no two changes looked alike")
        assert not allows(served)
        if program == "ours":
            time.sleep(2.2)  # until it is known by its times
            assert not allows(served)


def test_text_that_changed_in_the_second_of_the_start_counts(disk: Path, tmp_path: Path) -> None:
    rules = disk / "rules"
    begin_second()
    write_text(rules, FRIEND)
    with serving(tmp_path, ["-HRl0", "--rules-text", str(rules)], ["echo", "in"]) as served:
        was_hidden = same_times(rules, lambda: write_text(rules, FOE))
        wait_for(lambda: not allows(served), f"the edit to count; {was_hidden=}")


@pytest.mark.slow
def test_text_that_changes_twice_in_a_second_counts(disk: Path, tmp_path: Path) -> None:
    rules = disk / "rules"
    write_text(rules, FOE)
    with serving(tmp_path, ["-HRl0", "--rules-text", str(rules)], ["echo", "in"]) as served:
        time.sleep(2.7)
        begin_second()
        write_text(rules, FRIEND)
        time.sleep(0.6)  # it was seen
        write_text(rules, FOE)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            assert not allows(served)
            time.sleep(0.05)
