"""A rules file that changes, disappears or is damaged while clients come."""

import errno
import os
import socket
import stat
import threading
import time
import tracemalloc
from pathlib import Path
from struct import pack

import pytest

import ucspi.cdb
from tests.support.patience import PATIENCE
from tests.support.rules_files import image_of, image_with
from ucspi.errors import BadAddressError, CdbFormatError
from ucspi.rules import LiveRules, Verdict, _compiledfile, _liverules, load
from ucspi.unix import regularfile, threadtask
from ucspi.unix.cachedstat import CachedStat
from ucspi.unix.regularfile import state_of

pytestmark = pytest.mark.sampled(3)

CLIENT = b"1.2.3.4"
ALLOW = image_of(b'1.:allow,A="b"\n:deny\n')
DENY = image_of(b"1.:deny\n:deny\n")
needs_glances = pytest.mark.skipif(
    CachedStat(b"/").glance() is None, reason="this system or build cannot look without waiting"
)


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


class Steady:
    """A clock that goes on when it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> Steady:
    """Return the steady clock, which stands still."""
    clock = Steady()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


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


@needs_glances
def test_file_is_opened_until_it_was_seen_for_longer_than_the_coarsest_times(
    path: Path, monkeypatch: pytest.MonkeyPatch, steady: Steady
) -> None:
    opened = []
    open_ = os.open

    def noted(path: bytes, flags: int) -> int:
        opened.append(path)
        return open_(path, flags)

    monkeypatch.setattr(os, "open", noted)
    rules = live(path)
    begin = steady.now
    for after, expected in ((0, 1), (0.001, 2), (1.0, 3), (2.0, 4), (2.1, 5), (2.1, 5), (3600, 5)):
        steady.now = begin + after
        assert rules.judge(CLIENT).allowed
        assert len(opened) == expected
    publish(path, DENY)
    assert not rules.judge(CLIENT).allowed


class Frozen:
    """An `os.fstat` and glances that show one state whatever happens: times of whole hours."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch, age: float) -> None:
        status = list(path.stat())
        then = int(time.time() - age)
        status[7:10] = [then] * 3
        frozen = os.stat_result(status)
        fstat = os.fstat
        monkeypatch.setattr(os, "fstat", lambda fd: frozen if stat.S_ISREG(fstat(fd).st_mode) else fstat(fd))
        self.glimpse = pack("=QQqqQQQQ", 1, frozen.st_size, then, then, frozen.st_mode, 1, 1, 0)
        monkeypatch.setattr(CachedStat, "glance", lambda _: self.glimpse)
        monkeypatch.setattr(_liverules, "state_in", lambda _: state_of(frozen))


@pytest.mark.parametrize("age", [0.0, 3600.0, -3600.0], ids=["right", "behind", "ahead"])
def test_rules_replaced_without_a_trace_count_however_wrong_the_clocks_are(
    path: Path, monkeypatch: pytest.MonkeyPatch, steady: Steady, age: float
) -> None:
    """One size, one inode, one whole second: only the bytes tell, and they are looked at."""
    allow, deny = image_of(b"1.2.3.4:allow\n:deny\n"), image_of(b"1.2.3.9:allow\n:deny\n")
    assert len(allow) == len(deny)
    path.write_bytes(allow)
    Frozen(path, monkeypatch, age)
    rules = live(path)
    for _ in range(20):
        path.write_bytes(allow)
        assert rules.judge(CLIENT).allowed
        path.write_bytes(deny)
        assert not rules.judge(CLIENT).allowed
        steady.now += 0.1
    steady.now += 0.1
    assert not rules.judge(CLIENT).allowed


@pytest.mark.parametrize("age", [3600.0, -3600.0], ids=["behind", "ahead"])
def test_file_of_a_server_with_a_wrong_clock_is_not_read_for_ever(
    path: Path, monkeypatch: pytest.MonkeyPatch, steady: Steady, age: float
) -> None:
    Frozen(path, monkeypatch, age)
    rules = live(path)
    for _ in range(2):
        assert rules.judge(CLIENT).allowed
        steady.now += 3
    monkeypatch.setattr(os, "open", None)
    assert rules.judge(CLIENT).allowed


def test_touched_file_is_not_checked_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = live(path)
    assert rules.judge(CLIENT).allowed
    monkeypatch.setattr(_compiledfile, "Reader", None)
    os.utime(path, (1, 1))
    assert rules.judge(CLIENT).allowed
    publish(path, ALLOW)
    assert rules.judge(CLIENT).allowed


def test_what_stands_behind_the_tables_is_not_read(path: Path) -> None:
    """3 GB of nothing behind a good file take neither time nor memory."""
    os.truncate(path, 3 * 2**30)
    tracemalloc.start()
    try:
        assert live(path).judge(CLIENT).allowed
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


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
    read = os.preadv

    def read_and_grow(fd: int, room: list[memoryview], at: int) -> int:
        with path.open("ab") as file:
            file.write(b"more")
        return read(fd, room, at)

    monkeypatch.setattr(os, "preadv", read_and_grow)
    with pytest.raises(CdbFormatError, match="changes"):
        live(path).judge(CLIENT)


def test_file_that_changes_once_while_it_is_read_is_read_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = os.preadv

    def read_and_replace(fd: int, room: list[memoryview], at: int) -> int:
        monkeypatch.setattr(os, "preadv", read)
        path.write_bytes(DENY)
        return read(fd, room, at)

    monkeypatch.setattr(os, "preadv", read_and_replace)
    assert not live(path).judge(CLIENT).allowed


def test_rules_in_memory_survive_the_truncation_of_their_file(path: Path) -> None:
    rules = load(os.fsencode(path))
    os.truncate(path, 0)
    assert rules.judge(CLIENT).allowed


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


@pytest.mark.parametrize("step", ["read_whole", "Reader"])
def test_memory_that_runs_out_is_an_error_of_that_client(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def run_out(*_: object) -> None:
        raise MemoryError

    rules = live(path)
    monkeypatch.setattr(_compiledfile, step, run_out)
    with pytest.raises(OSError, match=os.strerror(errno.ENOMEM)):
        rules.judge(CLIENT)
    monkeypatch.undo()
    assert rules.judge(CLIENT).allowed


def test_new_rules_that_fit_only_alone_count(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever kept the old ones would judge by them for ever."""
    rules = live(path)
    assert rules.judge(CLIENT).allowed
    read = regularfile.read_whole

    def fit_alone(fd: int, size: int) -> bytearray:
        if rules._file.image is not None:
            raise MemoryError
        return read(fd, size)

    monkeypatch.setattr(_compiledfile, "read_whole", fit_alone)
    publish(path, DENY)
    assert not rules.judge(CLIENT).allowed


def test_cdb64_is_no_rules_file(path: Path) -> None:
    with ucspi.cdb.create(path, format="cdb64") as writer:
        writer.add(CLIENT, b"")
    with pytest.raises(CdbFormatError, match="cdb64"):
        live(path).judge(CLIENT)


class Slow:
    """Reads a file, and takes as long as is wanted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, local: bool = False) -> None:
        self.go_on = threading.Event()
        self.go_on.set()
        reread = _compiledfile.reread

        def slowly(path: bytes, known: _compiledfile.CompiledFile) -> _compiledfile.CompiledFile:
            assert self.go_on.wait(PATIENCE)
            return reread(path, known)

        monkeypatch.setattr(_liverules, "reread", slowly)
        if local:
            monkeypatch.setattr(_liverules, "SMALL", 0)
        else:
            monkeypatch.setattr(CachedStat, "glance", lambda _: None)  # as of a file server


def test_long_file_is_read_while_clients_are_judged(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[bytes] = []
    rules = LiveRules(os.fsencode(path), log=told.append)
    slow = Slow(monkeypatch)
    assert rules.judge(CLIENT).allowed
    slow.go_on.clear()
    publish(path, DENY)
    begin = time.monotonic()
    assert [rules.judge(CLIENT).allowed for _ in range(100)] == [True] * 100
    assert time.monotonic() - begin < 5  # one waited, for a tenth of a second
    name = os.fsencode(path)
    assert told == [name + b": takes long to be read; until then clients are judged by what was read before"]
    slow.go_on.set()
    assert rules._reader.wait(PATIENCE)
    assert not rules.judge(CLIENT).allowed
    assert told[1:] == [name + b": was read at last"]


def test_nobody_is_judged_before_the_first_reading(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[bytes] = []
    woken = threading.Event()
    rules = LiveRules(os.fsencode(path), missing_ok=True, log=told.append)
    slow = Slow(monkeypatch)
    slow.go_on.clear()
    rules.begin(woken.set)
    assert not rules.is_ready()
    for _ in range(2):
        with pytest.raises(TimeoutError):
            rules.judge(CLIENT)
    assert told == []
    assert rules.trouble() == b""  # as far as is known
    assert rules.deadline() is not None
    rules._reader.started -= 1
    for _ in range(2):
        rules.attend()
    assert told == [os.fsencode(path) + b": takes long to be read; until then nobody is let in"]
    assert rules.deadline() is None
    slow.go_on.set()
    assert woken.wait(PATIENCE)
    assert rules.is_ready()
    assert rules.judge(CLIENT).allowed


def test_error_from_before_stays_while_the_file_is_being_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = live(path)
    slow = Slow(monkeypatch)
    assert rules.judge(CLIENT).allowed
    path.unlink()
    with pytest.raises(FileNotFoundError):
        rules.judge(CLIENT)
    slow.go_on.clear()
    publish(path, ALLOW)
    for _ in range(3):
        with pytest.raises(FileNotFoundError):
            rules.judge(CLIENT)
    slow.go_on.set()
    assert rules._reader.wait(PATIENCE)
    assert rules.judge(CLIENT).allowed


def lead(path: Path, name: str) -> None:
    """Have the rules be another file in one step, as a deployment does, and its roll-back."""
    (path.parent / "link").symlink_to(name)
    (path.parent / "link").rename(path)


@needs_glances
@pytest.mark.parametrize("read", [True, False], ids=["the newer was read", "it never was"])
def test_link_that_leads_back_is_judged_by_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, steady: Steady, read: bool
) -> None:
    for name, text in (("old", DENY), ("new", ALLOW), ("other", DENY)):
        publish(path.parent / name, text)
    lead(path, "old")
    slow = Slow(monkeypatch, local=True)
    rules = live(path)
    for _ in range(3):
        assert not rules.judge(CLIENT).allowed
        steady.now += 3
    slow.go_on.clear()
    lead(path, "new")
    assert not rules.judge(CLIENT).allowed  # it is being read
    if read:
        slow.go_on.set()
        assert rules._reader.wait(PATIENCE)
        slow.go_on.clear()
        lead(path, "other")
        assert rules.judge(CLIENT).allowed  # while this one is being read
    lead(path, "old")
    slow.go_on.set()
    for _ in range(3):
        rules._reader.wait(PATIENCE)
        verdict = rules.judge(CLIENT)
    assert not verdict.allowed
    slow.go_on.clear()
    steady.now += 60
    lead(path, "other")
    assert not rules.judge(CLIENT).allowed  # both deny, whatever was once on its way
    slow.go_on.set()


def test_missing_file_allows_no_longer_when_another_is_being_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = live(path, missing_ok=True)
    publish(path, DENY)
    slow = Slow(monkeypatch)
    assert not rules.judge(CLIENT).allowed
    path.unlink()
    assert rules.judge(CLIENT).allowed
    slow.go_on.clear()
    publish(path, DENY)
    assert not rules.judge(CLIENT).allowed
    slow.go_on.set()
    assert rules._reader.wait(PATIENCE)
    assert not rules.judge(CLIENT).allowed


def test_without_threads_the_file_is_read_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    Slow(monkeypatch)
    rules = live(path)
    monkeypatch.setattr(threadtask, "start_deaf_thread", refuse)
    assert rules.judge(CLIENT).allowed
    publish(path, DENY)
    assert not rules.judge(CLIENT).allowed


def test_each_look_aside_is_of_the_file_as_it_is_now(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Slow(monkeypatch)
    rules = live(path)
    for _ in range(5):
        publish(path, DENY)
        assert not rules.judge(CLIENT).allowed
        publish(path, ALLOW)
        assert rules.judge(CLIENT).allowed


@needs_glances
def test_long_file_is_compared_once_when_its_times_tell_all(
    path: Path, monkeypatch: pytest.MonkeyPatch, steady: Steady
) -> None:
    monkeypatch.setattr(_liverules, "SMALL", 0)
    monkeypatch.setattr(_compiledfile, "SMALL", 0)
    looks = []
    holds = _compiledfile._holds

    def noted(fd: int, image: bytearray) -> bool:
        looks.append(fd)
        return holds(fd, image)

    monkeypatch.setattr(_compiledfile, "_holds", noted)
    told: list[bytes] = []
    rules = LiveRules(os.fsencode(path), log=told.append)
    for seconds, expected in ((0.0, 0), (1.0, 0), (0.9, 0), (0.3, 1), (10.0, 1)):
        steady.now += seconds
        assert rules.judge(CLIENT).allowed
        assert len(looks) == expected
    assert told == []


@pytest.mark.parametrize("missing", [False, True])
def test_what_is_no_address_is_judged_by_nobody(path: Path, missing: bool) -> None:
    rules = live(path, missing_ok=True)
    path.unlink()
    if not missing:
        path.write_bytes(image_of(b"127.:allow\n:allow\n"))
    with pytest.raises(BadAddressError):
        rules.judge(b"127.evil")
    assert rules.judge(b"127.0.0.1")
