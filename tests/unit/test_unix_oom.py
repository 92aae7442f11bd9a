"""A lowered score is given up while a child may inherit it, and no longer than that costs little."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ucspi.unix import oom


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the file that stands for the score, each write behind the last."""
    path = tmp_path / "score"
    number = os.open(path, os.O_WRONLY | os.O_CREAT)
    monkeypatch.setattr(oom, "given", b"500 ")
    monkeypatch.setattr(oom, "own", b"-882 ")
    monkeypatch.setattr(oom, "file", number)
    yield path
    os.close(number)


def wait(shield: oom.Shield) -> None:
    assert shield.due is not None
    while time.monotonic() < shield.due:
        time.sleep(0.001)


def test_children_that_come_together_cost_one_change(file: Path) -> None:
    shield = oom.Shield()
    for _ in range(50):
        shield.open()
        shield.close(lambda: False)  # not due yet
    assert file.read_text() == "500 "
    for _ in range(2):  # the second time for who was about to execute
        wait(shield)
        shield.close(lambda: False)
    assert (file.read_text(), shield.due) == ("500 -882 ", None)


def test_child_that_does_not_execute_is_waited_for_ever_more_patiently(file: Path) -> None:
    shield = oom.Shield()
    shield.open()
    waited = []
    for _ in range(5):
        wait(shield)
        begin = time.monotonic()
        shield.close(lambda: True)
        assert shield.due is not None
        waited.append(shield.due - begin)
    assert waited == sorted(waited)
    assert waited[-1] > 10 * oom.REST
    assert file.read_text() == "500 "
    for _ in range(2):
        wait(shield)
        shield.close(lambda: False)
    assert file.read_text() == "500 -882 "


def test_few_at_once_leave_it_lowered(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oom, "RATE", 0)
    shield = oom.Shield()
    assert [shield.holds() for _ in range(oom.BURST + 1)] == [True] * oom.BURST + [False]
    monkeypatch.setattr(oom, "RATE", 1000)
    time.sleep(0.01)
    assert shield.holds()
    assert (file.read_text(), shield.due) == ("", None)
    shield.open()
    assert not shield.holds()  # until it is lowered again


def test_score_that_cannot_be_changed_again_costs_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oom, "file", -1)
    shield = oom.Shield()
    shield.open()
    assert (shield.due, file.read_text()) == (None, "")


def test_where_there_is_no_score_nothing_is_lowered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oom, "_SCORE", bytes(tmp_path / "missing"))
    monkeypatch.setattr(oom, "_COARSE", bytes(tmp_path / "missing"))
    oom.shield()
    assert oom.given == b""
