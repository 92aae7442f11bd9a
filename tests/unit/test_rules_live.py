"""A rules file that changes, disappears or is damaged while clients come."""

import errno
import os
import socket
import time
import tracemalloc
from pathlib import Path

import pytest

import ucspi.cdb
from tests.rules_text import image_of, image_with
from ucspi.errors import CdbFormatError
from ucspi.rules import LiveRules, Verdict, _live, load

CLIENT = b"1.2.3.4"
ALLOW = image_of(b'1.:allow,A="b"\n:deny\n')
DENY = image_of(b"1.:deny\n:deny\n")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the rules file is, with rules that allow the client."""
    place = tmp_path / "rules.cdb"
    place.write_bytes(ALLOW)
    return place


def live(path: Path, *, missing_ok: bool = False) -> LiveRules:
    return LiveRules(os.fsencode(path), missing_ok=missing_ok)


def publish(path: Path, image: bytes) -> None:
    path.with_suffix(".tmp").write_bytes(image)
    path.with_suffix(".tmp").rename(path)


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a second have passed since the file was written, without waiting for it."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 10**9)


def test_replaced_file_counts_for_the_next_client(path: Path) -> None:
    rules = live(path)
    assert rules.judge(CLIENT) == Verdict(True, ((b"A", b"b"),), b"1.")
    publish(path, DENY)
    assert rules.judge(CLIENT) == Verdict(False, (), b"1.")


def test_file_rewritten_in_place_at_the_same_size_counts_too(path: Path) -> None:
    first, second = image_of(b"1.2.3.4:deny\n"), image_of(b"1.2.3.5:deny\n")
    assert len(first) == len(second)
    rules = live(path)
    for _ in range(20):
        path.write_bytes(first)
        assert rules.judge(b"1.2.3.4").allowed is False
        path.write_bytes(second)
        assert rules.judge(b"1.2.3.4").allowed is True


def test_file_is_read_until_its_time_stamp_is_older_than_a_tick(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where stamps are coarse, two changes within a tick look alike; do not rely on this system's."""
    opened = []
    open_ = os.open

    def noted(path: bytes, flags: int) -> int:
        opened.append(path)
        return open_(path, flags)

    monkeypatch.setattr(os, "open", noted)
    stamp = path.stat().st_ctime_ns
    rules = live(path)
    for after, expected in ((0, 1), (10**6, 2), (10**7, 3), (10**9, 4), (10**9, 4), (2 * 10**9, 4)):
        monkeypatch.setattr(time, "time_ns", lambda after=after: stamp + after)
        assert rules.judge(CLIENT).allowed
        assert len(opened) == expected


def test_missing_file_is_an_error_for_every_client(path: Path) -> None:
    path.unlink()
    rules = live(path)
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            rules.judge(CLIENT)
    path.write_bytes(DENY)
    assert not rules.judge(CLIENT).allowed


def test_missing_file_allows_everybody_where_that_is_wanted(path: Path) -> None:
    rules = live(path, missing_ok=True)
    path.unlink()
    assert rules.judge(CLIENT) == Verdict(True)
    publish(path, DENY)
    assert not rules.judge(CLIENT).allowed
    path.unlink()
    assert rules.judge(CLIENT).allowed


def test_only_a_missing_file_is_forgiven(path: Path) -> None:
    rules = LiveRules(os.fsencode(path / "below"), missing_ok=True)
    with pytest.raises(NotADirectoryError):
        rules.judge(CLIENT)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_an_error(path: Path) -> None:
    path.chmod(0)
    with pytest.raises(PermissionError):
        live(path, missing_ok=True).judge(CLIENT)


def test_error_of_any_other_kind_is_raised_for_every_client(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)
    rules = live(path, missing_ok=True)
    for _ in range(2):
        with pytest.raises(OSError, match="symbolic links"):
            rules.judge(CLIENT)


def test_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        live(tmp_path).judge(CLIENT)


def test_fifo_device_and_socket_are_errors_and_do_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(tmp_path / "socket"))
        for place in (tmp_path / "fifo", tmp_path / "socket", Path("/dev/null"), Path("/dev/zero")):
            with pytest.raises(OSError):  # noqa: PT011 - any errno denies
                live(place, missing_ok=True).judge(CLIENT)


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\0",
        ALLOW[:2047],
        bytes(2048),
        bytes(100_000),
        b"\xff" * 4096,
        ALLOW[:2048],
        ALLOW[:-1],
        ALLOW[: len(ALLOW) // 2],
        ALLOW[:2048] + b"\xff\xff\xff\xff" + ALLOW[2052:],
        ALLOW[:2048] + b"\x03" + ALLOW[2049:],
    ],
)
def test_damaged_file_judges_nobody_until_it_changes(path: Path, damaged: bytes) -> None:
    path.write_bytes(damaged)
    rules = live(path, missing_ok=True)
    for _ in range(3):
        with pytest.raises(CdbFormatError):
            rules.judge(CLIENT)
    publish(path, ALLOW)
    assert rules.judge(CLIENT).allowed


def test_every_truncation_is_refused(path: Path) -> None:
    for length in range(len(ALLOW)):
        path.write_bytes(ALLOW[:length])
        with pytest.raises(CdbFormatError):
            load(os.fsencode(path))


def test_damage_to_a_used_file_denies_and_repair_allows(path: Path) -> None:
    rules = live(path)
    assert rules.judge(CLIENT).allowed
    path.write_bytes(ALLOW[:-8])
    with pytest.raises(CdbFormatError):
        rules.judge(CLIENT)
    path.write_bytes(ALLOW)
    assert rules.judge(CLIENT).allowed


def test_a_gigabyte_of_zeros_is_refused_without_reading_it(path: Path) -> None:
    os.truncate(path, 0)
    os.truncate(path, 2**30)
    tracemalloc.start()
    try:
        with pytest.raises(CdbFormatError):
            live(path).judge(CLIENT)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_file_beyond_what_positions_can_name_is_refused(path: Path) -> None:
    os.truncate(path, 2**32)
    with pytest.raises(CdbFormatError, match="longer"):
        live(path).judge(CLIENT)


def test_file_that_keeps_changing_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = os.read

    def read_and_grow(fd: int, length: int) -> bytes:
        with path.open("ab") as file:
            file.write(b"more")
        return read(fd, length)

    monkeypatch.setattr(os, "read", read_and_grow)
    with pytest.raises(CdbFormatError, match="changes"):
        live(path).judge(CLIENT)


def test_file_that_changes_once_while_it_is_read_is_read_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = os.read

    def read_and_replace(fd: int, length: int) -> bytes:
        monkeypatch.setattr(os, "read", read)
        path.write_bytes(DENY)
        return read(fd, length)

    monkeypatch.setattr(os, "read", read_and_replace)
    assert not live(path).judge(CLIENT).allowed


def test_rules_in_memory_survive_the_truncation_of_their_file(path: Path) -> None:
    rules = load(os.fsencode(path))
    os.truncate(path, 0)
    assert rules.judge(CLIENT).allowed


@pytest.mark.usefixtures("settled")
def test_clients_refused_for_one_damage_do_not_pile_up_tracebacks(path: Path) -> None:
    path.write_bytes(b"short")
    rules = live(path)

    def frames() -> int:
        with pytest.raises(CdbFormatError) as caught:
            rules.judge(CLIENT)
        return len(caught.traceback)

    first = frames()
    assert [frames() for _ in range(3)] == [first] * 3


def test_no_descriptor_stays_open(path: Path) -> None:
    rules = live(path)
    before = len(os.listdir("/proc/self/fd"))
    rules.judge(CLIENT)
    path.write_bytes(image_with((b"", b""))[:-1])
    with pytest.raises(CdbFormatError):
        rules.judge(CLIENT)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("step", ["_read_image", "Reader"])
def test_memory_that_runs_out_is_an_error_of_that_client(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def run_out(*_: object) -> None:
        raise MemoryError

    rules = live(path)
    monkeypatch.setattr(_live, step, run_out)
    with pytest.raises(OSError, match=os.strerror(errno.ENOMEM)):
        rules.judge(CLIENT)
    monkeypatch.undo()
    assert rules.judge(CLIENT).allowed


def test_cdb64_is_no_rules_file(path: Path) -> None:
    with ucspi.cdb.create(path, format="cdb64") as writer:
        writer.add(CLIENT, b"")
    with pytest.raises(CdbFormatError, match="cdb64"):
        live(path).judge(CLIENT)
