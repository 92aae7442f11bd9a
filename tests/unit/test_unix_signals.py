"""Signals that are only noted are never lost, nor told twice."""

import os
import signal
from collections.abc import Iterable, Iterator

import pytest

from ucspi.unix import signals
from ucspi.unix.signals import ALL, Wakeup, hold, note, release


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
    os.close(made.writer)


def fill(wakeup: Wakeup) -> None:
    while True:
        try:
            os.write(wakeup.writer, bytes([signal.SIGCHLD]) * 4096)
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


def mask() -> set[int]:
    return {int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())}


def test_signals_are_held_and_let_through_again() -> None:
    before = hold((signal.SIGUSR1,))
    assert mask() == before | {signal.SIGUSR1}
    inner = hold()
    assert mask() == {int(number) for number in ALL} - {signal.SIGKILL, signal.SIGSTOP}
    release(inner)
    release(before)
    assert mask() == before


def test_want_of_memory_leaves_no_signal_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system call is made before what it returns, which may fail."""
    before, calls = mask(), list[int]()

    def short(how: int, numbers: Iterable[int]) -> set[signal.Signals | int]:
        told = signal.pthread_sigmask(how, numbers)
        calls.append(how)
        if len(calls) > 1:
            raise MemoryError
        return told

    monkeypatch.setattr(signals, "pthread_sigmask", short)
    with pytest.raises(MemoryError):
        hold()
    assert mask() == before
    release(before)
    assert mask() == before
