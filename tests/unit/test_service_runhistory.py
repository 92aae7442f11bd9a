"""How a run ended, as ``finish`` is told, and how long to pause before the next."""

import signal

import pytest

from ucspi.service import runhistory, statusrecord
from ucspi.service.runhistory import RunHistory
from ucspi.service.wishes import PLAIN, Wishes


def ended(status: int | None) -> RunHistory:
    history = RunHistory()
    history.end(status)
    return history


@pytest.mark.parametrize(
    ("status", "like_s6", "like_runit"),
    [
        (0, b"0 0", b"0 0"),
        (7 << 8, b"7 0", b"7 0"),
        (255 << 8, b"255 0", b"255 0"),
        (signal.SIGKILL, b"256 9", b"-1 9"),
        (signal.SIGSEGV | 0x80, b"256 11", b"-1 139"),  # a core was dumped
        (None, b"256 0", b"-1 0"),
    ],
)
def test_arguments(status: int | None, like_s6: bytes, like_runit: bytes) -> None:
    for is_like_runit, expected in ((False, like_s6), (True, like_runit)):
        arguments = ended(status).arguments(b"x", 77, is_like_runit=is_like_runit)
        assert arguments == [*expected.split(), b"x", b"77"]


def test_nothing_is_known_at_first_and_after_a_strange_end() -> None:
    for history in (RunHistory(), ended(None)):
        assert (history.code, history.signal) == (statusrecord.UNKNOWN, 0)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(runhistory, "monotonic", made)
    return made


def wishes(first: float, longest: float) -> Wishes:
    made = Wishes()
    made.backoff = (first, longest)
    return made


def pauses(clock: Clock, asked: Wishes, lasting: list[float]) -> list[float]:
    """Return the pauses after runs that last so long."""
    history, found = RunHistory(), []
    for seconds in lasting:
        history.begin()
        clock.now += seconds
        history.end(0)
        found.append(history.pause(asked))
    return found


def test_pauses_double_up_to_the_longest(clock: Clock) -> None:
    assert pauses(clock, wishes(0.5, 5), [1.02] * 6) == [0.5, 1, 2, 4, 5, 5]


def test_good_run_begins_anew(clock: Clock) -> None:
    """It lasted longer than the pause before it."""
    assert pauses(clock, wishes(1, 60), [1, 1, 1, 1, 9, 1]) == [1, 2, 4, 8, 1, 2]


def test_run_that_is_shorter_than_the_pause_is_not_good(clock: Clock) -> None:
    assert pauses(clock, wishes(1, 60), [1, 1, 1, 1, 7]) == [1, 2, 4, 8, 16]


def test_two_seconds_are_good_at_first(clock: Clock) -> None:
    """The end is noticed a second late, so a run that lasts as long has died at once."""
    assert pauses(clock, wishes(0.1, 60), [1.9, 1.9, 2.1]) == [0.1, 0.2, 0.1]


def test_without_the_file_there_is_none(clock: Clock) -> None:
    assert pauses(clock, PLAIN, [0.1, 0.1]) == [0, 0]


def test_file_that_changes_counts_from_then_on(clock: Clock) -> None:
    history = RunHistory()
    history.begin()
    assert history.pause(wishes(0.1, 1)) == 0.1
    assert history.pause(wishes(5, 9)) == 5
    assert history.pause(wishes(1, 2)) == 2
