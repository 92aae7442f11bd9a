"""Signals that are only noted are never lost, nor told twice."""

import os
import signal
from collections.abc import Iterator

import pytest

from ucspi.unix.signals import Wakeup, note


@pytest.fixture
def wakeup() -> Iterator[Wakeup]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD)}
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # another test may have children, and note it
    made = Wakeup()
    made.clear()
    for number in (signal.SIGTERM, signal.SIGUSR1):
        note(number)
    yield made
    signal.set_wakeup_fd(-1)
    for number, action in kept.items():
        signal.signal(number, action)
    os.close(made._reader)
    os.close(made._writer)


def fill(wakeup: Wakeup) -> None:
    while True:
        try:
            os.write(wakeup._writer, bytes([signal.SIGCHLD]) * 4096)
        except BlockingIOError:
            return


def test_signal_that_finds_the_pipe_full_is_told_all_the_same(wakeup: Wakeup) -> None:
    fill(wakeup)
    signal.raise_signal(signal.SIGTERM)
    wakeup.wake()
    assert wakeup.clear() == bytes([signal.SIGTERM])


def test_signal_is_told_once(wakeup: Wakeup) -> None:
    fill(wakeup)
    signal.raise_signal(signal.SIGUSR1)
    told = [wakeup.clear() for _ in range(40)]
    assert (told[0], set(told[1:])) == (bytes([signal.SIGUSR1]), {b""})


def test_signals_that_came_together_are_told_together(wakeup: Wakeup) -> None:
    assert wakeup.clear() == b""
    for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGUSR1):
        signal.raise_signal(number)
    assert set(wakeup.clear()) == {signal.SIGTERM, signal.SIGUSR1}
    assert wakeup.clear() == b""
