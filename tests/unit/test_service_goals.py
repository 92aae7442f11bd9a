"""When a status shows what somebody waits for."""

import pytest

from tests.support.fakeservices import DOWN, UP, record
from ucspi.service import statusrecord
from ucspi.service.goals import STATES, Goal
from ucspi.service.statusrecord import Details, Status

ONCE = 0


def status(pid: int, want: int, phase: int | None = None, flags: int = 0, age: float = 5.0) -> Status:
    details = None if phase is None else Details(phase=phase, flags=flags, ready=b"\1" * 12)
    known = statusrecord.unpack(record(pid, want, age=age, details=details))
    assert known
    return known


TELLS = statusrecord.TELLS_READY
READY = TELLS | statusrecord.READY
RUN, FINISH = statusrecord.RUN, statusrecord.FINISH


@pytest.mark.parametrize(
    ("seen", "reached"),
    [
        (status(7, UP), "up ready"),  # it cannot tell when it is ready
        (status(7, DOWN), "up ready"),
        (status(0, UP), ""),  # about to be started
        (status(0, DOWN), "down finished"),
        (status(0, ONCE), "down finished"),
        (status(7, UP, RUN), "up ready"),
        (status(7, UP, RUN, TELLS), "up"),
        (status(7, UP, RUN, READY), "up ready"),
        (status(8, UP, FINISH, statusrecord.FINISHING | TELLS), ""),
        (status(8, DOWN, FINISH, statusrecord.FINISHING | TELLS), "down"),
        (status(0, DOWN, statusrecord.DOWN, TELLS), "down finished"),
        (status(0, UP, statusrecord.DOWN, statusrecord.FAILED), "down finished"),
    ],
)
def test_state_is_seen_in_the_status(seen: Status, reached: str) -> None:
    assert [word for word in STATES if Goal(word).is_reached(seen, None)] == [
        word for word in STATES if word.decode() in reached.split()
    ]


@pytest.mark.parametrize("letters", [b"t", b"k", b"du", b"i", b"q", b"b"])
def test_after_a_command_that_ends_a_process_only_another_one_counts(letters: bytes) -> None:
    before, after = status(7, UP, age=9), status(8, UP, age=1)
    for word in (b"up", b"ready"):
        assert not Goal(word, letters).is_reached(before, before)
        assert Goal(word, letters).is_reached(after, before)


def test_process_with_the_same_number_is_another_by_its_time() -> None:
    assert Goal(b"up", b"t").is_reached(status(7, UP, age=1), status(7, UP, age=9))


@pytest.mark.parametrize("letters", [b"", b"u", b"h", b"c", b"1", b"a"])
def test_after_any_other_command_the_process_that_runs_counts(letters: bytes) -> None:
    before = status(7, UP)
    assert Goal(b"up", letters).is_reached(before, before)


def test_after_a_start_the_end_must_be_a_new_one() -> None:
    before = status(0, ONCE, age=9)
    for word in (b"down", b"finished"):
        assert not Goal(word, b"o").is_reached(before, before)
        assert Goal(word, b"o").is_reached(status(0, ONCE, age=1), before)
        assert Goal(word, b"d").is_reached(before, before)


def test_what_has_failed_for_good_never_comes_up_unless_we_start_it() -> None:
    failed = status(0, DOWN, statusrecord.DOWN, statusrecord.FAILED, age=9)
    again = status(0, DOWN, statusrecord.DOWN, statusrecord.FAILED, age=1)
    assert Goal(b"up").is_hopeless(failed, failed)
    assert Goal(b"ready", b"t").is_hopeless(failed, failed)
    assert not Goal(b"up", b"u").is_hopeless(failed, failed)
    assert Goal(b"up", b"u").is_hopeless(again, failed)
    assert not Goal(b"down").is_hopeless(failed, failed)
