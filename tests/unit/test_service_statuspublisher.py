"""Publishing aside: in order, the latest wins, a late child goes first, and nothing in use is closed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from ucspi.service.servicedir import ServiceDirectory
from ucspi.service.statuspublisher import ThreadPublisher


class Stage:
    """A loop and its threads, played by hand."""

    def __init__(self) -> None:
        self.work: list[tuple[Callable[[], Any], Callable[[Any], object]]] = []
        self.timers: list[Callable[[], object]] = []

    def call(self, work: Callable[[], Any], then: Callable[[Any], object], disk: object) -> None:
        self.work.append((work, then))

    def after(self, seconds: float, call: Callable[[], object]) -> None:
        self.timers.append(call)

    def finish(self) -> None:
        """Do the one thing that is under way."""
        [(work, then)] = self.work
        self.work.clear()
        then(work())

    def ring(self) -> None:
        """Let all timers end."""
        due, self.timers = self.timers, []
        for call in due:
            call()


class LateChild:
    """A late one."""

    def __init__(self) -> None:
        self.has_executed = False

    def is_over(self) -> bool:
        return self.has_executed


class Written:
    """Stands for a directory."""

    def __init__(self) -> None:
        self.name, self.disk = b"a", 1
        self.done: list[bytes] = []

    def publish(self, record: bytes) -> None:
        self.done.append(record)

    def close(self) -> None:
        self.done.append(b"closed")


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def directory() -> Written:
    return Written()


@pytest.fixture
def publisher(stage: Stage, directory: Written) -> ThreadPublisher:
    return ThreadPublisher(cast(ServiceDirectory, directory), cast(Any, stage), cast(Any, stage))


def test_of_what_waits_only_the_latest_is_published(
    publisher: ThreadPublisher, stage: Stage, directory: Written
) -> None:
    for record in (b"1", b"2", b"3"):
        publisher.publish(record)
    assert publisher.is_behind()
    stage.finish()
    stage.finish()
    assert directory.done == [b"1", b"3"]
    assert not publisher.is_behind()


def test_directory_is_closed_when_all_is_published(
    publisher: ThreadPublisher, stage: Stage, directory: Written
) -> None:
    left: list[bool] = []
    publisher.publish(b"1")
    publisher.publish(b"2")
    publisher.close(lambda: left.append(True))
    stage.finish()
    stage.finish()
    assert directory.done == [b"1", b"2"]
    assert not left
    stage.finish()
    assert directory.done[-1] == b"closed"
    assert left


def test_nothing_is_published_while_a_child_may_publish_itself(
    publisher: ThreadPublisher, stage: Stage, directory: Written
) -> None:
    child = LateChild()
    publisher.wait_for(cast(Any, child), publishes=True)
    publisher.publish(b"1")
    publisher.close(lambda: None)
    stage.ring()
    assert not stage.work
    assert publisher.is_behind()
    child.has_executed = True
    stage.ring()
    stage.finish()
    stage.finish()
    assert directory.done == [b"1", b"closed"]


def test_child_that_publishes_nothing_holds_nothing_up(
    publisher: ThreadPublisher, stage: Stage, directory: Written
) -> None:
    publisher.wait_for(cast(Any, LateChild()), publishes=False)
    publisher.publish(b"1")
    stage.finish()
    assert directory.done == [b"1"]


def test_disk_that_hangs_is_told_once(
    publisher: ThreadPublisher, stage: Stage, directory: Written, capfd: pytest.CaptureFixture[str]
) -> None:
    publisher.publish(b"1")
    stage.ring()
    publisher.publish(b"2")
    stage.ring()
    line = "supervise: warning: waiting for the disk of a\n"
    assert capfd.readouterr().err == line
    stage.finish()
    stage.ring()
    assert capfd.readouterr().err == ""
    stage.finish()
    publisher.publish(b"3")
    stage.ring()
    assert capfd.readouterr().err == line


def test_closed_directory_has_no_descriptor_left(tmp_path: Path) -> None:
    directory = ServiceDirectory(bytes(tmp_path), lambda text: None)
    directory.acquire()
    directory.open_birth()
    directory.close()
    assert (directory.birth, directory.lock) == (-1, -1)
