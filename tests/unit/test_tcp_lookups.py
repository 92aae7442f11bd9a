import os
import select
import threading
import time
from collections.abc import Callable

import pytest

from ucspi.tcp.lookups import Lookups

Pump = Callable[[Lookups], None]


@pytest.fixture
def pipe() -> tuple[int, int]:
    """Give a pipe that stays open: the threads outlive the test, and may wake it later."""
    return os.pipe()


def pump(lookups: Lookups, reader: int) -> None:
    """Collect once something is there, or due."""
    deadline = lookups.next_deadline()
    wait = None if deadline is None else max(0.0, deadline - time.monotonic())
    if select.select([reader], [], [], wait)[0]:
        os.read(reader, 4096)
    lookups.collect()


def test_answer_is_delivered(pipe: tuple[int, int]) -> None:
    lookups = Lookups(4, lambda: os.write(pipe[1], b"w"))
    answers: list[bytes | None] = []
    lookups.ask(lambda: b"name", answers.append, 5.0)
    while not answers:
        pump(lookups, pipe[0])
    assert answers == [b"name"]
    assert lookups.next_deadline() is None


def test_question_that_hangs_counts_as_unanswered_and_its_late_answer_is_thrown_away(
    pipe: tuple[int, int],
) -> None:
    lookups = Lookups(4, lambda: os.write(pipe[1], b"w"))
    release = threading.Event()
    answers: list[bytes | None] = []

    def hang() -> bytes:
        release.wait(10)
        return b"late"

    lookups.ask(hang, answers.append, 0.05)
    while not answers:
        pump(lookups, pipe[0])
    assert answers == [None]
    release.set()
    os.read(pipe[0], 1)
    lookups.collect()
    assert answers == [None]


def test_hanging_question_does_not_delay_another(pipe: tuple[int, int]) -> None:
    lookups = Lookups(2, lambda: os.write(pipe[1], b"w"))
    release = threading.Event()
    slow: list[bytes | None] = []
    quick: list[bytes | None] = []
    lookups.ask(lambda: b"slow" if release.wait(10) else None, slow.append, 30.0)
    lookups.ask(lambda: b"quick", quick.append, 30.0)
    while not quick:
        pump(lookups, pipe[0])
    assert (slow, quick) == ([], [b"quick"])
    release.set()


def test_threads_are_bounded_and_every_question_is_answered(pipe: tuple[int, int]) -> None:
    lookups = Lookups(3, lambda: os.write(pipe[1], b"w"))
    before = threading.active_count()
    threads: set[int] = set()
    answers: list[bytes | None] = []

    def question() -> bytes:
        threads.add(threading.get_ident())
        return b"x"

    for _ in range(50):
        lookups.ask(question, answers.append, 30.0)
    while len(answers) < 50:
        pump(lookups, pipe[0])
    assert answers == [b"x"] * 50
    assert len(threads) <= 3
    assert threading.active_count() == before  # the interpreter does not wait for them at exit


def test_question_that_raises_is_unanswered_and_its_thread_lives_on(pipe: tuple[int, int]) -> None:
    lookups = Lookups(1, lambda: os.write(pipe[1], b"w"))
    answers: list[bytes | None] = []

    def raise_it() -> bytes:
        raise MemoryError

    lookups.ask(raise_it, answers.append, 5.0)
    lookups.ask(lambda: b"next", answers.append, 5.0)
    while len(answers) < 2:
        pump(lookups, pipe[0])
    assert answers == [None, b"next"]


def test_question_that_hangs_for_long_keeps_nothing_of_those_answered_since(pipe: tuple[int, int]) -> None:
    lookups = Lookups(2, lambda: os.write(pipe[1], b"w"))
    release = threading.Event()
    answers: list[bytes | None] = []
    lookups.ask(lambda: b"late" if release.wait(10) else None, answers.append, 3600.0)
    for asked in range(1, 501):
        lookups.ask(lambda: b"x", answers.append, 7200.0)
        while len(answers) < asked:
            pump(lookups, pipe[0])
    assert len(lookups._deadlines) < 100
    release.set()
    while len(answers) < 501:
        pump(lookups, pipe[0])
    assert answers[-1] == b"late"
