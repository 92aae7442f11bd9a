"""Rules text that is edited while clients come."""

import errno
import os
import threading
import time
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE, wait_for
from ucspi.rules import LiveText, RuleSet, _livetext, _textfile
from ucspi.unix.cachedstat import CachedStat
from ucspi.unix.regularfile import state_of

CLIENT = b"10.1.2.3"
ALLOW, DENY = b"10.:allow\n:deny\n", b":deny\n"


class Watched:
    """A text, the judge of it, what that has told, and the steady clock."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.told: list[bytes] = []
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        self.live = LiveText(bytes(path), self.told.append)

    def write(self, text: bytes, age: float = 0.0) -> None:
        """Write the file in place, as if some seconds ago."""
        self.path.write_bytes(text)
        then = time.time() - age
        os.utime(self.path, (then, then))

    def allows(self) -> bool:
        return self.live.judge(CLIENT).allowed

    def after(self, seconds: float) -> bool:
        """Let time pass, as a server does, and judge."""
        end = self.now + seconds
        while self.live.deadline() < end:
            self.now = max(self.now, self.live.deadline())
            self.live.attend()
            self.live._reader.wait(-1)  # where a look cannot be made at once
        self.now = end
        return self.allows()


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    made = Watched(tmp_path / "rules", monkeypatch)
    made.write(ALLOW)
    assert made.live.load() == []
    return made


def test_edit_counts_when_it_was_seen_for_a_second(watched: Watched) -> None:
    assert watched.after(10)
    watched.write(DENY)
    assert watched.after(0.9)
    deadline = time.monotonic() + 200  # by the clock of this test
    while watched.after(1.2):  # it may be read aside
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert watched.told == []


def test_denial_is_remembered_until_the_text_changes(watched: Watched) -> None:
    assert not LiveText(b"x", watched.told.append).denies_again(CLIENT)
    assert watched.after(10)
    assert not watched.live.denies_again(CLIENT)
    watched.write(DENY)
    wait_for(lambda: not watched.after(1.2), "the edit to count", patience=200, pause=0.02)
    assert watched.live.denies_again(CLIENT)
    watched.write(ALLOW)
    wait_for(lambda: watched.after(1.2), "the edit to count", patience=200, pause=0.02)
    assert not watched.live.denies_again(CLIENT)


@pytest.mark.parametrize("age", [0.0, 5.0, 3600.0, -3600.0])
def test_half_a_text_never_counts_however_old_its_times_say_it_is(watched: Watched, age: float) -> None:
    """An editor, or the clock of a file server, may write any time."""
    watched.after(5)
    for _ in range(8):
        watched.write(b"# begin\n:deny\n", age)
        assert watched.after(0.6)
        watched.write(b"# begin\n:deny\n10.:allow\n", age)
        assert watched.after(0.6)
    watched.write(DENY, age)
    assert not watched.after(2.5)


def test_half_a_text_is_seen_by_its_bytes_where_times_are_coarse(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Size, inode and times are those of before, all the while."""
    frozen = watched.path.stat()
    watched.write(b":deny\n".ljust(len(ALLOW) - 1, b"\n") + b"\n")
    monkeypatch.setattr(os, "fstat", lambda _: frozen)
    monkeypatch.setattr(CachedStat, "glance", lambda _: b"always the same")
    monkeypatch.setattr(_livetext, "state_in", lambda _: state_of(frozen))
    monkeypatch.setattr("ucspi.rules._patientreader.size_in", lambda _: 1)
    assert watched.after(0.9)
    assert not watched.after(0.6)
    for _ in range(8):
        watched.path.write_bytes(ALLOW)
        assert not watched.after(0.6)
        watched.path.write_bytes(ALLOW.replace(b"10", b"11"))
        assert not watched.after(0.6)
    watched.path.write_bytes(ALLOW)
    assert watched.after(2.5)
    assert watched.told == []


def test_text_that_changed_while_the_server_started_is_seen(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first state was noted at once, and then looked the same for ever."""
    frozen = watched.path.stat()
    monkeypatch.setattr(os, "fstat", lambda _: frozen)
    other = Watched(watched.path, monkeypatch)
    assert other.live.load() == []
    other.path.write_bytes(b"11.:allow\n:deny\n")
    assert not other.after(5)


@pytest.mark.parametrize(
    "text", [b"10.:allow\n:deny", b"10.:Deny\n", b"10:deny\n:deny\n", b"10.:deny\n10.:allow\n", b"x\n"]
)
def test_odd_text_is_not_used_and_told_once(watched: Watched, text: bytes) -> None:
    watched.write(text)
    for _ in range(3):
        assert watched.after(3)
    assert len(watched.told) == 1
    assert watched.told[0].startswith(bytes(watched.path) + b":")
    assert watched.told[0].endswith(b"; the last good rules stay")
    watched.write(DENY)
    assert not watched.after(3)


def test_text_that_was_good_before_counts_again_without_being_compiled(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.write(b"x\n")
    assert watched.after(3)
    monkeypatch.setattr(_textfile, "lint", None)
    watched.write(ALLOW)
    assert watched.after(3)


def test_missing_file_is_told_once_and_the_rules_stay(watched: Watched) -> None:
    watched.path.unlink()
    assert watched.after(3)
    assert watched.after(3)
    assert watched.told == [bytes(watched.path) + b": file does not exist; the last good rules stay"]
    watched.write(DENY)
    assert not watched.after(3)


def test_directory_and_fifo_are_no_text(watched: Watched) -> None:
    watched.path.unlink()
    os.mkfifo(watched.path)
    assert watched.after(3)
    watched.path.unlink()
    watched.path.mkdir()
    assert watched.after(3)
    assert [line.split(b": ")[1] for line in watched.told] == [
        b"invalid argument; the last good rules stay",
        b"is a directory; the last good rules stay",
    ]


def test_first_text_must_be_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = Watched(tmp_path / "rules", monkeypatch)
    bad.write(b"10:deny\n")
    for _ in range(2):
        assert [problem.line for problem in bad.live.load()] == [1]
    bad.path.unlink()
    with pytest.raises(FileNotFoundError):
        bad.live.load()


def test_line_of_the_rule_that_decided_is_known_where_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "rules"
    path.write_bytes(b"# who may\n10.0-3.:allow\n172.16.0.0/12:allow\n:deny\n")
    live = LiveText(bytes(path), print, numbered=True)
    assert live.load() == []
    for ip, line in ((b"10.2.0.1", 2), (b"172.16.5.5", 3), (b"192.0.2.1", 4)):
        assert live.line_of(live.judge(ip).rule) == line
    assert live.line_of(None) is None
    unnumbered = LiveText(bytes(path), print)
    assert unnumbered.load() == []
    assert unnumbered.line_of(unnumbered.judge(CLIENT).rule) is None


def test_what_cannot_be_read_is_told_once_and_tried_again(watched: Watched) -> None:
    watched.path.unlink()
    watched.path.mkdir()
    for _ in range(3):
        assert watched.after(2)
    watched.path.rmdir()
    for _ in range(3):
        assert watched.after(2)
    assert watched.told == [
        bytes(watched.path) + b": " + why + b"; the last good rules stay"
        for why in (b"is a directory", b"file does not exist")
    ]
    watched.write(DENY)
    assert not watched.after(3)


def test_gigabyte_of_nothing_is_refused_unread(watched: Watched) -> None:
    watched.path.unlink()
    watched.path.touch()
    os.truncate(watched.path, 2**30)
    started = time.process_time()
    assert watched.after(3)
    assert time.process_time() - started < 0.2
    assert watched.told == [bytes(watched.path) + b": file too big; the last good rules stay"]


@pytest.mark.parametrize("text", [b"", b"\n", b"# nothing\n\n"])
def test_text_without_a_rule_lets_nobody_in(watched: Watched, text: bytes) -> None:
    watched.write(DENY)
    assert not watched.after(3)
    watched.write(text)
    assert not watched.after(3)
    why = b":1:1: warning: a text without a rule allows everybody; write :allow if you want that"
    assert watched.told == [bytes(watched.path) + why + b"; the last good rules stay"]
    assert len(LiveText(bytes(watched.path), watched.told.append).load()) == 1


def run_out(*_: object, **__: object) -> None:
    raise MemoryError


@pytest.mark.parametrize("step", ["lint", "_rules_of", "_number"])
def test_text_that_does_not_fit_into_memory_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    watched = Watched(tmp_path / "rules", monkeypatch)
    watched.live = LiveText(bytes(watched.path), watched.told.append, numbered=True)
    watched.write(ALLOW)
    assert watched.live.load() == []
    with monkeypatch.context() as patch:
        patch.setattr(_textfile, step, run_out)
        watched.write(DENY)
        for _ in range(3):
            assert watched.after(3)
    assert watched.told == [bytes(watched.path) + b": out of memory; the last good rules stay"]
    watched.write(DENY + b"# again\n")
    assert not watched.after(3)


@pytest.mark.parametrize("step", ["lint", "_rules_of"])
def test_first_text_that_does_not_fit_into_memory_is_an_error(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    monkeypatch.setattr(_textfile, step, run_out)
    with pytest.raises(OSError, match=os.strerror(errno.ENOMEM)):
        watched.live.load()


def test_reading_a_short_text_asks_for_little_memory(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    pread = os.pread

    def noted(fd: int, length: int, at: int) -> bytes:
        asked.append(length)
        return pread(fd, length, at)

    monkeypatch.setattr(os, "pread", noted)
    watched.live.load()
    assert max(asked) == len(ALLOW) + 1


def test_long_text_is_compiled_while_clients_are_judged(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    going, go_on = threading.Event(), threading.Event()
    compile_text = _textfile._rules_of

    def slowly(text: bytes) -> RuleSet:
        going.set()
        assert go_on.wait(PATIENCE)
        return compile_text(text)

    monkeypatch.setattr(_textfile, "_rules_of", slowly)
    watched.write(DENY + b"# and more\n" * 1000)
    assert watched.after(0)
    while not going.is_set():  # a look for each step: one sees the text, one lets it count
        watched.now += 0.5
        assert watched.allows()
        for _ in range(200):  # until the look is over, or has come to the compiler
            if going.wait(0.1) or not watched.live._reader.is_reading():
                break
    assert watched.told == []
    watched.now += 10
    assert watched.allows()
    assert watched.told == [
        bytes(watched.path)
        + b": takes long to be read; until then clients are judged by what was read before"
    ]
    go_on.set()
    watched.live._reader.wait(PATIENCE)
    watched.now += 1
    assert not watched.allows()
    assert watched.told[1:] == [bytes(watched.path) + b": was read at last"]
