"""Looking without waiting, and work in a thread of its own."""

import errno
import gc
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from weakref import ref

import pytest

from tests.support.patience import PATIENCE
from ucspi.unix import cachedstat, native
from ucspi.unix.cachedstat import CachedStat, is_local, size_in, state_in
from ucspi.unix.regularfile import state_of
from ucspi.unix.threadtask import NoThreadError, ThreadTask

needs_glances = pytest.mark.skipif(
    CachedStat(b"/").glance() is None, reason="this system or build cannot look without waiting"
)


@needs_glances
def test_glimpse_tells_what_stat_tells(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    os.utime(file, ns=(-5, -5))
    glimpse = CachedStat(os.fsencode(file)).glance()
    assert glimpse is not None
    assert state_in(glimpse) == state_of(file.stat())
    assert size_in(glimpse) == 5


@needs_glances
def test_glimpses_differ_when_the_file_does(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    cached = CachedStat(os.fsencode(file))
    first = cached.glance()
    assert cached.glance() == first
    os.utime(file, (1, 1))
    second = cached.glance()
    file.rename(tmp_path / "old")
    file.write_bytes(b"12345")
    os.utime(file, (1, 1))
    assert len({first, second, cached.glance()}) == 3


@needs_glances
def test_what_is_wrong_with_a_path_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for name, number in ((b"missing", errno.ENOENT), (b"loop", errno.ELOOP)):
        for way in (
            os.stat,
            os.readlink,
        ):  # what is on the way is in memory then, and its time of access noted
            with suppress(OSError):
                way(tmp_path / os.fsdecode(name))
        found: bytes | int | None
        try:
            found = CachedStat(os.fsencode(tmp_path) + b"/" + name).glance()
        except OSError as error:
            found = error.errno
        # A tmpfs does not remember what is missing.
        assert found == number or (name == b"missing" and found is None)


@needs_glances
def test_new_link_is_followed_at_a_glance(tmp_path: Path) -> None:
    """Its time of access is to be written, which the system does not do at a glance."""
    (tmp_path / "file").touch()
    cached = CachedStat(os.fsencode(tmp_path / "link"))
    for number in range(20):
        (tmp_path / f"{number}").symlink_to("file")
        (tmp_path / f"{number}").rename(tmp_path / "link")
        assert cached.glance() == CachedStat(os.fsencode(tmp_path / "file")).glance()


@needs_glances
def test_without_a_descriptor_stat_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = CachedStat(os.fsencode(tmp_path))
    first = cached.glance()

    class Out:
        ffi = native.ffi

        def usys_glance(self, *_: object) -> int:
            return -errno.EMFILE

    monkeypatch.setattr(native, "lib", Out())
    assert cached.glance() == first


def test_what_no_disk_of_this_machine_serves_is_not_glanced_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cachedstat, "LOCAL", frozenset())
    assert CachedStat(os.fsencode(tmp_path)).glance() is None


def test_build_without_the_compiled_module_knows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "lib", None)
    assert CachedStat(os.fsencode(tmp_path)).glance() is None


def test_mount_that_is_not_known_is_not_local() -> None:
    assert not is_local(2**40)


def test_work_is_done_aside_and_its_result_taken() -> None:
    task = ThreadTask()
    woken = threading.Event()
    task.wake = woken.set
    go_on = threading.Event()
    task.start(lambda: go_on.wait(PATIENCE) and threading.get_ident())
    assert task.is_busy
    assert not task.wait(0)
    assert not task.wait(0.01)
    go_on.set()
    assert task.wait(PATIENCE)
    assert task.take() not in (None, threading.get_ident())
    assert woken.wait(PATIENCE)
    assert not task.is_busy
    assert not task.wait(0)


def test_what_work_raises_is_raised_where_it_is_taken() -> None:
    def run_out() -> None:
        raise MemoryError

    task = ThreadTask()
    task.start(run_out)
    assert task.wait(PATIENCE)
    with pytest.raises(MemoryError):
        task.take()


OVERLAPPING = """
import sys, threading
from ucspi.unix.threadtask import ThreadTask

tasks = [(ThreadTask(), threading.Event(), threading.Event()) for _ in range(2)]
for task, began, may_end in tasks:
    task.start(lambda began=began, may_end=may_end: (began.set(), may_end.wait()))
    assert began.wait(60)
for task, _, may_end in tasks:
    assert sys.getswitchinterval() < 0.001
    may_end.set()
    assert task.wait(60)
print(sys.getswitchinterval())
"""


def test_switch_interval_is_what_it_was_when_the_last_task_has_ended() -> None:
    """Where one hangs and is abandoned, the next begins before it ends."""
    done = subprocess.run([sys.executable, "-c", OVERLAPPING], capture_output=True, timeout=PATIENCE)
    assert (done.stdout, done.stderr) == (b"0.005\n", b"")


def test_what_failed_work_held_is_free_at_once() -> None:
    """It may be the very memory that was missing."""

    class Large:
        pass

    held = []

    def run_out() -> None:
        large = Large()
        held.append(ref(large))
        raise MemoryError

    gc.disable()
    try:
        task = ThreadTask()
        task.start(run_out)
        assert task.wait(PATIENCE)
        with suppress(MemoryError):
            task.take()
        assert held[0]() is None
    finally:
        gc.enable()


def test_abandoned_work_is_nobodys() -> None:
    task = ThreadTask()
    go_on = threading.Event()
    task.start(lambda: go_on.wait(PATIENCE))
    task.abandon()
    task.start(lambda: b"new")
    assert task.wait(PATIENCE)
    assert task.take() == b"new"
    go_on.set()


def test_no_thread_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("ucspi.unix.threadtask.start_deaf_thread", refuse)
    task = ThreadTask()
    with pytest.raises(NoThreadError):
        task.start(lambda: None)
    assert not task.is_busy
