"""The names of finished files, with a clock of the test's own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ucspi.lines.label import label
from ucspi.logs import finishedfiles
from ucspi.logs.finishedfiles import SAFE, finish
from ucspi.logs.retry import Retry
from ucspi.logs.script import Destination

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


def test_name_that_is_taken_is_left_and_another_waited_for(
    said: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(name(FIRST)).write_bytes(b"older")
    Path("previous").write_bytes(b"newer")
    clock(monkeypatch, FIRST, FIRST, SECOND)
    finish(Destination(b"./d"), b"previous", SAFE, retry(said))
    assert said == [b"unable to link to ./d/%s, pausing" % name(FIRST).encode()] * 2
    assert Path(name(FIRST)).read_bytes() == b"older"
    assert Path(name(SECOND)).read_bytes() == b"newer"
    assert not Path("previous").exists()


def test_clock_that_goes_back_loses_the_file_that_it_makes_the_oldest(
    said: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the original: a name is a time, and the smallest goes."""
    for time in (SECOND, FIRST):
        Path("previous").write_bytes(b"%d" % time)
        clock(monkeypatch, time)
        finish(Destination(b"./d", count=2), b"previous", SAFE, retry(said))
    assert os.listdir() == [name(SECOND)]


def test_file_that_is_not_there_is_nothing_to_do(said: list[bytes]) -> None:
    finish(Destination(b"./d"), b"previous", SAFE, retry(said))
    assert (os.listdir(), said) == ([], [])
