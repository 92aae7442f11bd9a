"""Descriptors and alarms that are watched beside the loop, without memory too."""

import os
import time

import pytest

from ucspi.tcp.background import READABLE, SLACK, Background


def test_call_comes_when_the_descriptor_is_ready_until_it_is_forgotten() -> None:
    background, reader, writer = Background(), *os.pipe()
    calls: list[str] = []
    background.watch(reader, READABLE, lambda: calls.append("first"))
    background.turn()
    assert calls == []
    os.write(writer, b"x")
    background.wait()
    background.turn()
    background.watch(reader, READABLE, lambda: calls.append("second"))
    background.turn()
    background.forget(reader)
    background.forget(reader)
    background.turn()
    assert calls == ["first", "second"]
    for descriptor in (reader, writer):
        os.close(descriptor)
    background.close()


def test_descriptor_that_is_used_again_gets_no_event_of_the_old_one() -> None:
    background = Background()
    pipes = [os.pipe() for _ in range(2)]
    late: list[int] = []

    def replace() -> None:
        """Be the first of two that are ready: close the other, whose number a new pipe gets."""
        for reader, writer in pipes:
            background.forget(reader)
            os.close(reader)
            os.close(writer)
        new = [os.pipe() for _ in range(2)]
        assert {reader for reader, _ in new} & {reader for reader, _ in pipes}
        for reader, _ in new:
            background.watch(reader, READABLE, lambda: late.append(0))
        pipes[:] = new

    for reader, writer in pipes:
        os.write(writer, b"x")
        background.watch(reader, READABLE, replace)
    background.turn()
    assert late == []
    for pipe in pipes:
        for descriptor in pipe:
            os.close(descriptor)
    background.close()


def test_alarms_ring_in_their_order_and_not_when_cancelled() -> None:
    background, rung = Background(), list[str]()
    now = time.monotonic()
    background.at(now + 0.02, lambda: rung.append("second"))
    background.at(now + 0.01, lambda: rung.append("first"))
    cancelled = background.at(now, lambda: rung.append("never"))
    cancelled.cancel()
    cancelled.cancel()
    assert background.pending == 2
    while background.deadline() is not None:
        background.wait()
        background.turn()
    assert rung == ["first", "second"]
    assert background.pending == 0
    background.close()


def test_alarm_that_fails_for_want_of_memory_is_due_still() -> None:
    background, rung = Background(), list[str]()

    def ring() -> None:
        rung.append("x")
        if len(rung) == 1:
            raise MemoryError

    background.at(0.0, ring)
    with pytest.raises(MemoryError):
        background.turn()
    background.turn()
    background.turn()
    assert rung == ["x", "x"]
    background.close()


def test_alarm_that_is_set_for_long_keeps_nothing_of_those_cancelled_since() -> None:
    background = Background()
    background.at(time.monotonic() + 3600, lambda: None)
    for _ in range(10 * SLACK):
        background.at(time.monotonic() + 7200, lambda: None).cancel()
        background.turn()
    assert len(background._alarms) <= 2 * SLACK
    background.close()
