"""The helper asks the functions of `ucspi.tcp.names`, which a test replaces before it is forked."""

import errno
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.patience import wait_for
from ucspi.tcp import names
from ucspi.tcp.background import Background
from ucspi.tcp.namelookups import NameLookups
from ucspi.tcp.resolver import CHECKED, FIND, REVERSE

IPS = [b"192.0.2.%d" % number for number in range(200)]


class CaughtAnswers:
    """Look-ups, and what they answered: ``answers`` in order, an error where we could not ask."""

    def __init__(self, limit: int) -> None:
        self.background = Background()
        self.lookups = NameLookups(limit, self.background, reap=True)
        self.answers: list[bytes | str | None] = []

    def look_up(self, ip: bytes, timeout: float = 20.0, kind: int = REVERSE) -> None:
        self.lookups.look_up(
            kind, ip, timeout, self.answers.append, lambda error: self.answers.append(error.strerror)
        )

    def turn(self) -> None:
        self.background.wait()
        self.background.turn()

    def until(self, count: int) -> list[bytes | str | None]:
        """Return the answers once there are so many."""
        while len(self.answers) < count:
            self.turn()
        return self.answers


@pytest.fixture
def looking_up() -> Iterator[Callable[[int], CaughtAnswers]]:
    made: list[CaughtAnswers] = []

    def make(limit: int) -> CaughtAnswers:
        made.append(CaughtAnswers(limit))
        return made[-1]

    yield make
    for one in made:
        one.lookups.close()
        one.background.close()


@pytest.fixture
def hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have the resolver hang at even addresses, until the file is there."""
    go = tmp_path / "go"

    def reverse(ip: bytes) -> bytes:
        while ip[-1] % 2 == 0 and not go.exists():
            time.sleep(0.01)
        return b"name." + ip

    monkeypatch.setattr(names, "reverse", reverse)
    return go


def children() -> set[int]:
    """Return the pids of our helpers."""
    return {int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


def threads(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def test_each_question_is_asked_as_it_is_meant(
    looking_up: Callable[[int], CaughtAnswers], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "find", lambda ip: b"")
    monkeypatch.setattr(names, "reverse", lambda ip: None)
    monkeypatch.setattr(names, "reverse_checked", lambda ip: b"checked." + ip)
    one = looking_up(1)
    for kind in (FIND, REVERSE, CHECKED):
        one.look_up(b"::1", kind=kind)
    assert one.until(3) == [b"", None, b"checked.::1"]
    assert one.background.deadline() is None


def test_the_system_is_asked(looking_up: Callable[[int], CaughtAnswers]) -> None:
    one = looking_up(2)
    one.look_up(b"127.0.0.1")
    assert one.until(1) == [b"localhost"]


def test_hanging_question_counts_as_unanswered_and_delays_no_other(
    looking_up: Callable[[int], CaughtAnswers], hangs: Path
) -> None:
    one = looking_up(2)
    one.look_up(IPS[0], 0.3)
    one.look_up(IPS[1])
    assert one.until(2) == [b"name." + IPS[1], None]
    hangs.touch()
    one.look_up(IPS[2])
    assert one.until(3)[2] == b"name." + IPS[2]  # nothing of the late answer


def test_threads_are_bounded_and_every_question_is_answered(
    looking_up: Callable[[int], CaughtAnswers], hangs: Path
) -> None:
    before = children()
    one = looking_up(3)
    for ip in IPS:
        one.look_up(ip)
    (helper,) = children() - before
    while threads(helper) < 4:  # with the thread that reads
        one.background.turn()  # an answer that came early lets another question in
        time.sleep(0.01)
    hangs.touch()
    assert sorted(one.until(len(IPS)), key=str) == sorted([b"name." + ip for ip in IPS], key=str)
    assert threads(helper) == 4


def test_questions_that_hang_for_good_are_written_off_and_names_go_on(
    looking_up: Callable[[int], CaughtAnswers], hangs: Path
) -> None:
    before = children()
    one = looking_up(2)
    for turn in range(3):
        hanging = [ip for ip in IPS if ip[-1] % 2 == 0][:3]
        for ip in hanging:
            one.look_up(ip, 0.1)
        one.until(4 * turn + 3)
        one.look_up(IPS[1])
        assert one.until(4 * turn + 4)[4 * turn :] == [None, None, None, b"name." + IPS[1]]
        helpers = children() - before
        assert len(helpers) <= 2
        assert all(threads(helper) <= 5 for helper in helpers)


def test_helper_that_is_replaced_may_finish_what_does_not_hang(
    looking_up: Callable[[int], CaughtAnswers], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its questions are not asked a second time."""

    def reverse(ip: bytes) -> bytes:
        while ip == IPS[0]:
            time.sleep(1)
        with (tmp_path / "asked").open("ab") as asked:
            asked.write(b"x")
        time.sleep(0.5)
        return b"slow"

    monkeypatch.setattr(names, "reverse", reverse)
    before = children()
    one = looking_up(1)
    one.look_up(IPS[0], 0.1)
    one.until(1)
    one.look_up(IPS[1])
    assert one.until(2) == [None, b"slow"]
    assert (tmp_path / "asked").read_bytes() == b"x"
    assert len(children() - before) == 1


def test_helper_that_dies_is_replaced_and_its_questions_are_asked_once_more(
    looking_up: Callable[[int], CaughtAnswers], hangs: Path
) -> None:
    before = children()
    one = looking_up(4)
    one.look_up(IPS[0])
    one.look_up(IPS[2])
    (helper,) = children() - before
    os.kill(helper, signal.SIGKILL)
    hangs.touch()
    assert sorted(one.until(2), key=str) == [b"name." + IPS[0], b"name." + IPS[2]]


def test_question_that_kills_every_helper_fails(
    looking_up: Callable[[int], CaughtAnswers], monkeypatch: pytest.MonkeyPatch
) -> None:
    def reverse(ip: bytes) -> bytes:
        if ip == IPS[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return b"fine"

    monkeypatch.setattr(names, "reverse", reverse)
    one = looking_up(4)
    one.look_up(IPS[0])
    assert one.until(1) == [os.strerror(11)]
    one.look_up(IPS[1])
    assert one.until(2)[1] == b"fine"


def test_without_a_process_every_question_that_waits_fails(
    looking_up: Callable[[int], CaughtAnswers], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fork() -> int:
        raise BlockingIOError(11, os.strerror(11))

    monkeypatch.setattr(os, "fork", fork)
    one = looking_up(4)
    one.look_up(IPS[0])
    assert one.answers == [os.strerror(11)]
    assert one.background.deadline() is None
    monkeypatch.undo()
    one.look_up(b"127.0.0.1")
    assert one.until(2)[1] == b"localhost"


@pytest.mark.parametrize("error", [RuntimeError, MemoryError])
def test_without_a_thread_one_question_is_asked_after_the_other(
    looking_up: Callable[[int], CaughtAnswers], monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def start(*_: object) -> int:
        raise error

    monkeypatch.setattr("_thread.start_new_thread", start)
    monkeypatch.setattr(names, "reverse", lambda ip: b"name." + ip)
    one = looking_up(4)
    for ip in IPS[:3]:
        one.look_up(ip)
    assert one.until(3) == [b"name." + ip for ip in IPS[:3]]


def test_question_that_raises_is_unanswered_and_for_want_of_memory_fails(
    looking_up: Callable[[int], CaughtAnswers], monkeypatch: pytest.MonkeyPatch
) -> None:
    def reverse(ip: bytes) -> bytes:
        raise MemoryError if ip == IPS[0] else ValueError

    monkeypatch.setattr(names, "reverse", reverse)
    one = looking_up(1)
    one.look_up(IPS[0])
    one.look_up(IPS[1])
    assert one.until(2) == [os.strerror(12), None]


def test_helper_keeps_nothing_of_ours_and_ends_with_us(hangs: Path, tmp_path: Path) -> None:
    """Ours is here a child, that can end."""
    with (tmp_path / "kept").open("w") as kept:
        pid = os.fork()
        if pid == 0:
            try:
                one = CaughtAnswers(2)
                one.look_up(IPS[0])
                (helper,) = children()
                while threads(helper) < 2:
                    time.sleep(0.01)
                folder = Path(f"/proc/{helper}/fd")
                shown = [os.readlink(folder / name).partition(":")[0] for name in sorted(os.listdir(folder))]
                kept.write(f"{helper}\n{shown}\n")
                kept.flush()
            finally:
                os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    helper_pid, descriptors = (tmp_path / "kept").read_text().splitlines()
    assert descriptors == str(["/dev/null"] * 3 + ["socket"])
    wait_for(lambda: not _is_alive(int(helper_pid)), "the end of the helper")


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_helper_that_cannot_be_watched_fails_its_question_and_the_next_gets_another(
    looking_up: Callable[[int], CaughtAnswers], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a user may watch no more descriptors."""
    one = looking_up(4)
    watch = Background.watch

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(names, "reverse", lambda ip: ip)
    monkeypatch.setattr(Background, "watch", refuse)
    one.look_up(IPS[0])
    assert one.answers == [os.strerror(errno.ENOSPC)]
    monkeypatch.setattr(Background, "watch", watch)
    one.look_up(IPS[1])
    assert len(one.until(2)) == 2
