"""The names of finished files, with a clock of the test's own."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ucspi.lines.label import label, time_of
from ucspi.logs import finishedfiles
from ucspi.logs.finishedfiles import SAFE, finish
from ucspi.logs.retry import Retry
from ucspi.logs.script import Destination
from ucspi.unix import tai

BILLION = 10**9
FIRST, SECOND = 1_790_000_000_000_000_000, 1_790_000_001_000_000_000


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Stand in a log's directory; give what is told."""
    monkeypatch.chdir(tmp_path)
    return []


def retry(said: list[bytes]) -> Retry:
    return Retry(lambda what, error: said.append(what), pause=0.0)


def clock(monkeypatch: pytest.MonkeyPatch, *times: int) -> None:
    left: Iterator[int] = iter(times)
    monkeypatch.setattr(finishedfiles, "time_ns", lambda: next(left))


def name(time: int) -> str:
    return (label(time) + SAFE).decode()


def test_file_that_cannot_be_named_is_waited_for(said: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("previous").write_bytes(b"newer")
    clock(monkeypatch, FIRST, FIRST, SECOND)
    link, left = os.link, [OSError(errno.EEXIST, "just taken"), OSError(errno.ENOSPC, "full")]

    def fail_twice(old: bytes, new: bytes) -> None:
        if left:
            raise left.pop()
        link(old, new)

    monkeypatch.setattr(os, "link", fail_twice)
    finish(Destination(b"./d"), b"previous", SAFE, retry(said))
    assert said == [b"unable to link to ./d/%s, pausing" % name(FIRST).encode()] * 2
    assert Path(name(SECOND)).read_bytes() == b"newer"
    assert not Path("previous").exists()


@pytest.mark.parametrize("ahead", [0, 1, 499, 999, 1000, 27 * BILLION, 59 * BILLION])
def test_name_sorts_after_one_that_is_a_little_ahead(
    ahead: int, said: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """s6-log counts leap seconds, so its names are 27 seconds ahead."""
    theirs = (b"@%016x%08x.s" % (tai.EPOCH + (FIRST + ahead) // BILLION, (FIRST + ahead) % BILLION)).decode()
    Path(theirs).write_bytes(b"theirs")
    for text in (b"one", b"two"):
        Path("previous").write_bytes(text)
        clock(monkeypatch, FIRST)
        finish(Destination(b"./d", count=4), b"previous", SAFE, retry(said))
    names = sorted(os.listdir())
    assert [Path(each).read_bytes() for each in names] == [b"theirs", b"one", b"two"]
    assert all(len(each) == len(name(FIRST)) and time_of(each.encode()[:25]) for each in names)
    assert said == []


def test_clock_that_goes_far_back_loses_the_file_that_it_makes_the_oldest(
    said: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the original: a name is a time, and the smallest goes."""
    for time in (FIRST + 61 * BILLION, FIRST):
        Path("previous").write_bytes(b"%d" % time)
        clock(monkeypatch, time)
        finish(Destination(b"./d", count=2), b"previous", SAFE, retry(said))
    assert os.listdir() == [name(FIRST + 61 * BILLION)]


@pytest.mark.parametrize("odd", ["@z", "@" + "f" * 24, "@4000", "@" + "4" * 16 + "f" * 8])
def test_odd_names_decide_no_name(odd: str, said: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    Path(odd).touch()
    Path("previous").touch()
    clock(monkeypatch, FIRST)
    finish(Destination(b"./d"), b"previous", SAFE, retry(said))
    assert sorted(os.listdir()) == sorted([odd, name(FIRST)])


def test_file_of_another_that_is_gone_counts_no_bytes(
    said: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("previous").write_bytes(b"12345")
    clock(monkeypatch, FIRST)
    gone = name(FIRST - 5).encode()
    listed = os.listdir
    monkeypatch.setattr(os, "listdir", lambda where: [*listed(where), gone])
    finish(Destination(b"./d", total=5), b"previous", SAFE, retry(said))
    assert listed(".") == [name(FIRST)]


def test_file_that_is_not_there_is_nothing_to_do(said: list[bytes]) -> None:
    finish(Destination(b"./d"), b"previous", SAFE, retry(said))
    assert (os.listdir(), said) == ([], [])
