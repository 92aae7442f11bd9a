"""Locks on files: had once, by whoever opened the file, and left by a close."""

import errno
import fcntl
import os
import threading
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE
from ucspi.unix.locks import acquire


def test_a_lock_is_had_once_until_it_is_closed(tmp_path: Path) -> None:
    path = bytes(tmp_path / "lock")
    first = acquire(path)
    with pytest.raises(BlockingIOError):
        acquire(path)
    os.close(first)
    os.close(acquire(path))


def test_a_lock_that_is_refused_leaves_no_descriptor_open(tmp_path: Path) -> None:
    path = bytes(tmp_path / "lock")
    first = acquire(path)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(BlockingIOError):
        acquire(path)
    assert os.listdir("/proc/self/fd") == before
    os.close(first)


def test_the_file_is_made_private_and_never_truncated(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"kept")
    for path in (old, new):
        number = acquire(bytes(path))
        os.write(number, b"+")
        os.close(number)
    assert (old.read_bytes(), new.read_bytes()) == (b"kept+", b"+")
    assert new.stat().st_mode & 0o777 == 0o600


def test_the_descriptor_is_closed_on_exec(tmp_path: Path) -> None:
    number = acquire(bytes(tmp_path / "lock"))
    assert not os.get_inheritable(number)
    os.close(number)


def test_a_path_is_relative_to_the_directory_given(tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    os.close(acquire(b"lock", directory=directory))
    os.close(directory)
    assert (tmp_path / "lock").exists()


def test_waiting_ends_when_the_other_lets_go(tmp_path: Path) -> None:
    path = bytes(tmp_path / "lock")
    first = acquire(path)
    got: list[int] = []
    waiting = threading.Thread(target=lambda: got.append(acquire(path, wait=True)), daemon=True)
    waiting.start()
    waiting.join(0.05)
    assert not got
    os.close(first)
    waiting.join(PATIENCE)
    os.close(got[0])


def test_an_fcntl_lock_is_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("wb") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        os.close(acquire(bytes(path)))


def test_a_fifo_that_nobody_reads_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match=os.strerror(errno.ENXIO)):
        acquire(bytes(tmp_path / "fifo"), wait=True)
