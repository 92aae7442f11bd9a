"""The table of a supervisor: every state, every event, and what must hold for all of them."""

from itertools import product

import pytest

from ucspi.service import statemachine
from ucspi.service.statemachine import EVENTS, LEAVING, PAUSED, ROWS, UP, WANT, WANT_DOWN, WANT_UP, step

pytestmark = pytest.mark.sampled(4)

WANTS = (WANT_UP, WANT_DOWN, 0)
STATES = [
    up | paused | leaving | want
    for up, paused, leaving, want in product((0, UP), (0, PAUSED), (0, LEAVING), WANTS)
]
BYTES = [event for event in EVENTS if len(event) == 1]
WALK = list(product(STATES, EVENTS))


def test_walk_is_exhaustive() -> None:
    assert len(STATES) == len(set(STATES)) == 24
    assert sorted(BYTES) == sorted("udopchaitkxq12wb")
    assert len(WALK) == 24 * 24


@pytest.mark.parametrize("state", STATES)
class TestLaws:
    """Each walks all events from a state."""

    def test_it_leads_to_a_state(self, state: int) -> None:
        for event in EVENTS:
            after, actions = step(state, event)
            assert after in STATES
            known = {
                statemachine.START,
                statemachine.STAMP,
                statemachine.PUBLISH,
                statemachine.WARN,
                statemachine.LEAVE,
            }
            assert set(actions) <= known | {statemachine.REST, statemachine.LONG_REST} | set(
                statemachine.SIGNALS
            )

    def test_only_a_start_makes_it_up_and_only_an_end_down(self, state: int) -> None:
        for event in EVENTS:
            changed = (state ^ step(state, event)[0]) & UP
            assert not changed or event in (
                statemachine.STARTED,
                statemachine.STARTED_AND_PUBLISHED,
                statemachine.ENDED,
            )

    def test_it_never_starts_what_is_up(self, state: int) -> None:
        for event in EVENTS:
            after, actions = step(state, event)
            assert statemachine.START not in actions or not after & UP

    def test_it_signals_only_what_is_up(self, state: int) -> None:
        for event in EVENTS:
            _, actions = step(state, event)
            assert not set(actions) & set(statemachine.SIGNALS) or state & UP

    def test_it_leaves_only_when_told_and_down(self, state: int) -> None:
        for event in EVENTS:
            after, actions = step(state, event)
            assert (statemachine.LEAVE in actions) == (
                bool(after & LEAVING)
                and not after & UP
                and (event == "x" or (event == statemachine.ENDED and bool(state & UP)))
            )
            assert statemachine.LEAVE not in actions[:-1]

    def test_leaving_cannot_be_cancelled(self, state: int) -> None:
        for event in EVENTS:
            assert step(state, event)[0] & LEAVING >= state & LEAVING

    def test_what_is_published_is_what_is_so(self, state: int) -> None:
        """A change that the record shows is published, after the time was taken when that changes too."""
        for event in EVENTS:
            after, actions = step(state, event)
            shown = UP | WANT | (PAUSED if after & UP else 0)
            by_others = (
                event == statemachine.STARTED_AND_PUBLISHED or statemachine.START in actions
            )  # by the process, or how that goes
            if (state ^ after) & shown and not by_others:
                assert statemachine.PUBLISH in actions
            if event != statemachine.STARTED_AND_PUBLISHED:
                assert (statemachine.STAMP in actions) == bool(
                    (state ^ after) & UP or event == statemachine.STARTED
                )
            if statemachine.STAMP in actions and statemachine.PUBLISH in actions:
                assert actions.index(statemachine.STAMP) < actions.index(statemachine.PUBLISH)

    def test_want_changes_by_three_bytes_alone(self, state: int) -> None:
        for event in EVENTS:
            after = step(state, event)[0] & WANT
            assert after == {"u": WANT_UP, "d": WANT_DOWN, "o": 0}.get(event, state & WANT)

    def test_each_start_rests(self, state: int) -> None:
        for event in EVENTS:
            actions = step(state, event)[1]
            rests = {statemachine.REST, statemachine.LONG_REST} & set(actions)
            assert bool(rests) == (
                event in (statemachine.STARTED, statemachine.STARTED_AND_PUBLISHED, statemachine.UNSTARTED)
            )
            assert not rests or actions[-1] in rests

    def test_wanted_down_is_never_started_again(self, state: int) -> None:
        for event in EVENTS:
            after, actions = step(state, event)
            if after & WANT_DOWN or (event == statemachine.ENDED and not after & WANT_UP):
                assert statemachine.START not in actions


def test_other_bytes_do_nothing() -> None:
    others = {chr(byte) for byte in range(256)} - set(BYTES)
    for state, letter in product(STATES, others):
        assert step(state, letter) == (state, ())


def test_each_row_is_the_first_that_fits_somewhere() -> None:
    used = set()
    for state, event in WALK:
        used.add(next(row for row in ROWS if row.event == event and row.fits(state)))
    assert used == set(ROWS)


def test_each_change_is_one() -> None:
    """What a row clears or sets, some state that it fits does not have yet."""
    for row in ROWS:
        fitting = [state for state in STATES if row.fits(state)]
        for flag in statemachine.FLAGS:
            if row.set & flag:
                assert any(not state & flag for state in fitting), row.event


@pytest.mark.parametrize(
    ("letters", "after", "actions"),
    [
        ("dx", LEAVING | UP | WANT_DOWN, ["TERM", "CONT", "publish", "publish"]),
        ("xu", LEAVING | UP | WANT_UP, ["publish", "publish"]),
        ("du", UP | WANT_UP, ["TERM", "CONT", "publish", "publish"]),
        ("pd", UP | WANT_DOWN, ["publish", "STOP", "TERM", "CONT", "publish"]),
    ],
)
def test_letters_to_what_is_up(letters: str, after: int, actions: list[str]) -> None:
    state = UP | WANT_UP
    done: list[str] = []
    for letter in letters:
        state, more = step(state, letter)
        done += more
    assert (state, done) == (after, actions)
