"""Rules text that is edited while clients come."""

import os
import time
from pathlib import Path

import pytest

from ucspi.rules import LiveText

CLIENT = b"10.1.2.3"


class Watched:
    """A text, the judge of it, and what that has told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: list[bytes] = []
        self.live = LiveText(bytes(path), self.told.append)

    def write(self, text: bytes, age: float = 5.0) -> None:
        """Write the file, as if some seconds ago."""
        self.path.write_bytes(text)
        then = time.time() - age
        os.utime(self.path, (then, then))

    def allows(self) -> bool:
        return self.live.judge(CLIENT).allowed


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    made = Watched(tmp_path / "rules")
    made.write(b"10.:allow\n:deny\n")
    assert made.live.load() == []
    return made


def test_edit_counts_for_the_next_client(watched: Watched) -> None:
    assert watched.allows()
    watched.write(b":deny\n")
    assert not watched.allows()
    assert watched.told == []


@pytest.mark.parametrize(
    "text", [b"10.:allow\n:deny", b"10.:Deny\n", b"10:deny\n:deny\n", b"10.:deny\n10.:allow\n", b"x\n"]
)
def test_odd_text_is_not_used_and_told_once(watched: Watched, text: bytes) -> None:
    watched.write(text)
    for _ in range(3):
        assert watched.allows()
    assert len(watched.told) == 1
    assert watched.told[0].startswith(bytes(watched.path) + b":")
    assert watched.told[0].endswith(b"; the last good rules stay")
    watched.write(b":deny\n")
    assert not watched.allows()


def test_file_that_was_just_written_may_not_be_whole_and_waits(watched: Watched) -> None:
    watched.write(b":deny\n", age=0.0)
    assert watched.allows()
    watched.write(b":deny\n", age=1.1)
    assert not watched.allows()


def test_text_from_the_future_counts_too(watched: Watched) -> None:
    watched.write(b":deny\n", age=-3600.0)
    assert not watched.allows()


def test_missing_file_is_told_once_and_the_rules_stay(watched: Watched) -> None:
    watched.path.unlink()
    assert watched.allows()
    assert watched.allows()
    assert watched.told == [bytes(watched.path) + b": file does not exist; the last good rules stay"]
    watched.write(b":deny\n")
    assert not watched.allows()


def test_directory_and_fifo_are_no_text(watched: Watched) -> None:
    watched.path.unlink()
    os.mkfifo(watched.path)
    os.utime(watched.path, (0, 0))
    assert watched.allows()
    watched.path.unlink()
    watched.path.mkdir()
    os.utime(watched.path, (0, 0))
    assert watched.allows()
    assert [line.split(b": ")[1] for line in watched.told] == [
        b"invalid argument; the last good rules stay",
        b"is a directory; the last good rules stay",
    ]


def test_first_text_must_be_good(tmp_path: Path) -> None:
    bad = Watched(tmp_path / "rules")
    bad.write(b"10:deny\n")
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
    os.utime(watched.path, (1, 1))
    for _ in range(3):
        assert watched.allows()
    watched.path.rmdir()
    for _ in range(3):
        assert watched.allows()
    assert watched.told == [
        bytes(watched.path) + b": " + why + b"; the last good rules stay"
        for why in (b"is a directory", b"file does not exist")
    ]
    watched.write(b":deny\n")
    assert not watched.allows()


def test_gigabyte_of_nothing_is_refused_unread(watched: Watched) -> None:
    watched.path.unlink()
    watched.path.touch()
    os.truncate(watched.path, 2**30)
    os.utime(watched.path, (1, 1))
    started = time.process_time()
    assert watched.allows()
    assert time.process_time() - started < 0.2
    assert watched.told == [bytes(watched.path) + b": file too big; the last good rules stay"]


@pytest.mark.parametrize("text", [b"", b"\n", b"# nothing\n\n"])
def test_text_without_a_rule_lets_nobody_in(watched: Watched, text: bytes) -> None:
    watched.write(b":deny\n")
    assert not watched.allows()
    watched.write(text)
    assert not watched.allows()
    why = b":1:1: warning: a text without a rule allows everybody; write :allow if you want that"
    assert watched.told == [bytes(watched.path) + why + b"; the last good rules stay"]
    assert len(LiveText(bytes(watched.path), watched.told.append).load()) == 1
