"""The table of a supervisor: every state, every event, and what must hold for all of them."""

from itertools import product

import pytest

from ucspi.service import statemachine
from ucspi.service.statemachine import (
    AWAITING,
    DONE,
    DUE,
    EVENTS,
    FAILED,
    FINISHING,
    LEAVING,
    PAUSED,
    READY,
    ROWS,
    UP,
    WANT,
    WANT_DOWN,
    WANT_UP,
    step,
)

pytestmark = pytest.mark.sampled(4)

WANTS = (WANT_UP, WANT_DOWN, 0)


def can_be(state: int) -> bool:
    """Return whether the flags go together."""
    if state & UP:
        return not state & (FINISHING | DUE | FAILED | DONE | AWAITING)
    if state & READY or (state & FAILED and state & (FINISHING | DUE | WANT_UP)):
        return False
    if state & DONE and state & (FINISHING | DUE | FAILED | WANT_UP):
        return False
    if state & AWAITING and (state & (UP | FINISHING | DUE) or not state & WANT_UP):
        return False
    # While finish runs, a start is due only for what is wanted once; later only for what is wanted up.
    if state & DUE:
        return not state & WANT if state & FINISHING else state & WANT_UP > 0
    return True


STATES = [
    state
    for flags in product(
        *[(0, flag) for flag in (UP, PAUSED, LEAVING, READY, FINISHING, DUE, FAILED, DONE, AWAITING)], WANTS
    )
    if can_be(state := sum(flags))
]
BYTES = [event for event in EVENTS if len(event) == 1]
STARTS = (
    statemachine.STARTED,
    statemachine.STARTED_AND_PUBLISHED,
    statemachine.UNSTARTED,
    statemachine.DELAYED,
    statemachine.UNOPENED,
    statemachine.AWAITS,
)
ENDS = (statemachine.ENDED, statemachine.FINISH_STARTED, statemachine.GIVEN_UP)


def can_happen(state: int, event: str) -> bool:
    """Return whether an event can come in a state: what follows a start comes only after one."""
    is_idle = not state & (UP | FINISHING | DUE | FAILED | DONE | AWAITING)
    if event in (statemachine.DELAYED, statemachine.AWAITS):
        return state & WANT_UP > 0 and is_idle
    return event not in STARTS or is_idle


WALK = [pair for pair in product(STATES, EVENTS) if can_happen(*pair)]


def events_of(state: int) -> list[str]:
    return [event for event in EVENTS if can_happen(state, event)]


def test_walk_is_exhaustive() -> None:
    assert len(STATES) == len(set(STATES)) == 76
    assert sorted(BYTES) == sorted("udopchaitkxq12wb")
    assert len(EVENTS) == 35
    assert len(WALK) > 76 * 35 * 0.8


def test_all_states_can_be_reached() -> None:
    reached, new = set(), {WANT_UP, WANT_DOWN}
    while new:
        reached |= new
        new = {step(state, event)[0] for state in new for event in events_of(state)} - reached
    assert reached == set(STATES)


@pytest.mark.parametrize("state", STATES)
class TestLaws:
    """Each walks all events from a state."""

    def test_it_leads_to_a_state(self, state: int) -> None:
        for event in events_of(state):
            after, actions = step(state, event)
            assert after in STATES
            known = {
                statemachine.START,
                statemachine.STAMP,
                statemachine.PUBLISH,
                statemachine.WARN,
                statemachine.LEAVE,
                statemachine.PAUSE,
                statemachine.STAMP_READY,
                statemachine.DOWN,
                statemachine.LIMIT,
                statemachine.DESTROY,
                statemachine.WATCH,
            }
            assert set(actions) <= known | {statemachine.REST, statemachine.LONG_REST} | set(
                statemachine.SIGNALS
            )

    def test_only_a_start_makes_it_up_and_only_an_end_down(self, state: int) -> None:
        for event in events_of(state):
            changed = (state ^ step(state, event)[0]) & UP
            assert not changed or event in (
                statemachine.STARTED,
                statemachine.STARTED_AND_PUBLISHED,
                *ENDS,
            )

    def test_finish_runs_from_the_end_of_run_to_its_own(self, state: int) -> None:
        for event in events_of(state):
            after, _ = step(state, event)
            if (state ^ after) & FINISHING:
                expected = (statemachine.FINISHED, statemachine.GIVEN_UP) if state & FINISHING else ENDS[1:2]
                assert event in expected
            if event == statemachine.FINISHED:
                assert not after & FINISHING

    def test_it_never_starts_what_is_up_or_finishes(self, state: int) -> None:
        for event in events_of(state):
            after, actions = step(state, event)
            others = FINISHING | DUE | FAILED | DONE | AWAITING
            assert statemachine.START not in actions or not after & (UP | others)

    def test_only_u_and_o_start_what_has_failed(self, state: int) -> None:
        for event in events_of(state):
            after, actions = step(state, event)
            if state & FAILED:
                assert (statemachine.START in actions) == (event in ("u", "o"))
                assert bool(after & FAILED) == (event not in ("u", "o"))
            else:
                assert bool(after & FAILED) == (
                    event == statemachine.GIVEN_UP and state & (UP | FINISHING) > 0
                )

    def test_done_is_what_ended_while_it_was_wanted_once_until_u_or_o(self, state: int) -> None:
        for event in events_of(state):
            after, _ = step(state, event)
            if state & DONE:
                assert bool(after & DONE) == (event not in ("u", "o"))
                continue
            ran = state & (UP if event == statemachine.ENDED else FINISHING)
            is_end = event in (statemachine.ENDED, statemachine.FINISHED) and ran
            assert bool(after & DONE) == (is_end and not state & (WANT | DUE))

    def test_what_is_due_is_started_or_cancelled(self, state: int) -> None:
        """A pause ends by itself, or by a letter; then nothing is due any more."""
        for event in events_of(state):
            after, actions = step(state, event)
            if state & DUE and not after & DUE:
                by_start = statemachine.START in actions and event not in ENDS
                assert by_start or event in ("u", "d", statemachine.GIVEN_UP, statemachine.FINISHED)
            if event == statemachine.PAUSE_OVER and state & DUE and not state & FINISHING:
                assert statemachine.START in actions

    def test_it_awaits_a_client_until_one_comes_or_a_letter(self, state: int) -> None:
        for event in events_of(state):
            after, actions = step(state, event)
            if event == statemachine.AWAITS:
                assert after & AWAITING
                assert actions[-1] == statemachine.WATCH
            elif state & AWAITING:
                assert bool(after & AWAITING) == (event not in (statemachine.CLIENT, "u", "o", "d"))
                assert (statemachine.START in actions) == (event in (statemachine.CLIENT, "u", "o"))
            else:
                assert not after & AWAITING
                assert event != statemachine.CLIENT or (after, actions) == (state, ())

    def test_ready_is_what_has_told_so_until_it_ends(self, state: int) -> None:
        for event in events_of(state):
            after, actions = step(state, event)
            if event == statemachine.TOLD_READY:
                assert bool(after & READY) == bool(state & UP)
            elif event in (*ENDS, statemachine.TOLD_STOPPING):
                assert not after & READY
            else:
                assert after & READY == state & READY
            assert (statemachine.STAMP_READY in actions) == bool(after & ~state & READY)

    def test_only_what_is_up_and_wanted_down_is_killed_after_its_time(self, state: int) -> None:
        for event in events_of(state):
            after, actions = step(state, event)
            is_time = event == statemachine.TIME_OVER and state & UP and state & WANT_DOWN
            assert (statemachine.DESTROY in actions) == bool(is_time)
            assert (statemachine.LIMIT in actions) == (event == "d" and state & UP > 0)
            if event == statemachine.TIME_OVER:
                assert after == state

    def test_it_signals_only_what_is_up(self, state: int) -> None:
        for event in events_of(state):
            _, actions = step(state, event)
            signals = {*statemachine.SIGNALS, statemachine.DOWN, statemachine.DESTROY}
            assert not set(actions) & signals or state & UP

    def test_it_leaves_only_when_told_and_down(self, state: int) -> None:
        for event in events_of(state):
            after, actions = step(state, event)
            assert (statemachine.LEAVE in actions) == (
                bool(after & LEAVING)
                and not after & (UP | FINISHING)
                and (
                    event == "x"
                    or (event in ENDS and state & (UP | FINISHING if event == ENDS[2] else UP) > 0)
                    or (event == statemachine.FINISHED and state & FINISHING > 0)
                )
            )
            assert statemachine.LEAVE not in actions[:-1]

    def test_leaving_cannot_be_cancelled(self, state: int) -> None:
        for event in events_of(state):
            assert step(state, event)[0] & LEAVING >= state & LEAVING

    def test_what_is_published_is_what_is_so(self, state: int) -> None:
        """A change that the record shows is published, after the time was taken when that changes too."""
        for event in events_of(state):
            after, actions = step(state, event)
            shown = UP | WANT | READY | FINISHING | FAILED | AWAITING | (PAUSED if after & UP else 0)
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

    def test_want_changes_by_three_bytes_and_failure_alone(self, state: int) -> None:
        for event in events_of(state):
            after = step(state, event)[0] & WANT
            wanted = {"u": WANT_UP, "d": WANT_DOWN, "o": 0}.get(event, state & WANT)
            if event == statemachine.GIVEN_UP and state & (UP | FINISHING):
                wanted &= ~WANT_UP  # it is not tried again
            assert after == wanted

    def test_each_start_rests(self, state: int) -> None:
        for event in events_of(state):
            actions = step(state, event)[1]
            rests = {statemachine.REST, statemachine.LONG_REST} & set(actions)
            assert bool(rests) == (
                event in (statemachine.STARTED, statemachine.STARTED_AND_PUBLISHED, statemachine.UNSTARTED)
            )
            assert not rests or actions[-1] in rests

    def test_wanted_down_is_never_started_again(self, state: int) -> None:
        for event in events_of(state):
            after, actions = step(state, event)
            is_end = event in (statemachine.ENDED, statemachine.FINISHED)
            if after & WANT_DOWN or (is_end and not after & WANT_UP and not state & DUE):
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
        (
            "dx",
            LEAVING | UP | WANT_DOWN,
            ["down signal", "CONT", "publish", "timeout-kill begins", "publish"],
        ),
        ("xu", LEAVING | UP | WANT_UP, ["publish", "publish"]),
        ("du", UP | WANT_UP, ["down signal", "CONT", "publish", "timeout-kill begins", "publish"]),
        ("pd", UP | WANT_DOWN, ["publish", "STOP", "down signal", "CONT", "publish", "timeout-kill begins"]),
    ],
)
def test_letters_to_what_is_up(letters: str, after: int, actions: list[str]) -> None:
    state = UP | WANT_UP
    done: list[str] = []
    for letter in letters:
        state, more = step(state, letter)
        done += more
    assert (state, done) == (after, actions)
