from signal import SIGKILL, SIGTERM

from ucspi.tcp.drain import GRACE, Drain


def test_handlers_may_finish_then_get_term_then_kill_then_are_left() -> None:
    drain = Drain(100.0, 10.0)
    assert drain.due(109.9) is None
    assert drain.due(110.0) == SIGTERM
    assert drain.due(110.1) is None
    assert drain.due(110.0 + GRACE) == SIGKILL
    assert not drain.is_over
    assert drain.due(110.0 + 2 * GRACE) is None
    assert drain.is_over


def test_hurry_goes_to_the_next_stage() -> None:
    drain = Drain(100.0, 1000.0)
    drain.hurry(101.0)
    assert drain.due(101.0) == SIGTERM
    drain.hurry(102.0)
    assert drain.due(102.0) == SIGKILL
