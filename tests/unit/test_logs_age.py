"""The age of ``current``, with clocks of the test's own."""

import os
from pathlib import Path

import pytest

from ucspi.lines.label import label
from ucspi.logs import age
from ucspi.logs.age import Age

SECOND = 10**9
NOW = 1_790_000_000 * SECOND


class Clock:
    """A steady clock."""

    now = 1000.0

    def __call__(self, _: int) -> float:
        return self.now


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stand in a log that began an hour ago; give the steady clock."""
    made = Clock()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(age, "clock_gettime", made)
    monkeypatch.setattr(age, "time_ns", lambda: NOW)
    begin(3600)
    return made


def begin(seconds: int) -> None:
    """Have the log begin so many seconds ago."""
    Path("lock").touch()
    os.utime("lock", ns=(0, NOW - seconds * SECOND))


def finish(seconds: int) -> None:
    """Have a file finished so many seconds ago."""
    Path((label(NOW - seconds * SECOND) + b".s").decode()).touch()


def test_empty_file_has_no_age(clock: Clock) -> None:
    assert Age(60, 0).left() is None


def test_age_counts_from_the_first_line(clock: Clock) -> None:
    found = Age(60, 0)
    found.note_lines()
    clock.now += 25
    found.note_lines()
    assert found.left() == 35
    clock.now += 100
    assert found.left() == 0
    found.note_end()
    assert found.left() is None


def test_lines_of_an_earlier_program_are_younger_than_the_last_finished_file(clock: Clock) -> None:
    finish(300)
    finish(20)
    assert Age(60, 5).left() == pytest.approx(40)


def test_lines_of_an_earlier_program_are_younger_than_the_log(clock: Clock) -> None:
    assert Age(7200, 5).left() == pytest.approx(3600)
    assert Age(60, 5).left() == 0


@pytest.mark.parametrize("seconds", [-27, -5, -(10**9)])
def test_name_ahead_of_the_clock_makes_nobody_older_or_younger(clock: Clock, seconds: int) -> None:
    finish(seconds)
    assert Age(60, 5).left() == 60


def test_log_without_a_lock_begins_now(clock: Clock) -> None:
    Path("lock").unlink()
    assert Age(60, 5).left() == 60


@pytest.mark.parametrize("name", ["@", "@" + "z" * 24 + ".s", "@" + "4" * 23 + "G", "@" + "f" * 24])
def test_names_that_are_no_labels_say_nothing(clock: Clock, name: str) -> None:
    Path(name).touch()
    assert Age(7200, 5).left() == pytest.approx(3600)
