"""Waiting for services, by events and without: nothing is missed, and nothing hangs."""

import errno
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.fakeservices import DOWN, UP, FakeService, record
from tests.support.patience import PATIENCE, remove
from ucspi.errors import ServiceError
from ucspi.service import statusrecord, waiting, watchedservice
from ucspi.service.goals import STATES, Goal
from ucspi.service.waiting import Waiting
from ucspi.service.watchedservice import WatchedService
from ucspi.unix import folderwatch

Make = Callable[..., FakeService]

NEEDS_EVENTS = pytest.mark.skipif(folderwatch.NOTIFY < 0, reason="this system does not tell of files")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[FakeService] = []

    def one(name: str = "x", status: bytes | None = None) -> FakeService:
        made.append(FakeService(tmp_path / name, status))
        return made[-1]

    yield one
    for service in made:
        service.end()


@pytest.fixture(params=[pytest.param("events", marks=NEEDS_EVENTS), "looks"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give both ways of waiting in turn."""
    if request.param == "looks":
        monkeypatch.setattr(folderwatch, "NOTIFY", -1)
    return str(request.param)


class Asked:
    """A wait for some services."""

    def __init__(self, goal: bytes, *services: FakeService, letters: bytes = b"") -> None:
        self.watched: list[bool] = []
        self.said: list[tuple[bytes, ServiceError]] = []
        names = [os.fsencode(service.directory) for service in services]
        self.waiting = Waiting(
            names, Goal(goal, letters), lambda name, reason: self.said.append((name, reason))
        )

    def wait(self, seconds: float = PATIENCE) -> bool:
        begun = monotonic()
        try:
            return self.waiting.wait(begun + seconds)
        finally:
            assert seconds < PATIENCE or monotonic() < begun + PATIENCE, "it waited in vain"
            self.watched = [service.watch is not None for service in self.waiting.services]
            for service in self.waiting.services:
                service.close()
            if self.waiting._watch:
                signal.set_wakeup_fd(-1)
                os.close(self.waiting._watch.fileno())
                os.close(self.waiting._watch.writer)

    def reasons(self) -> list[bytes]:
        return [reason.step for _, reason in self.said]


def while_it_waits(action: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=action)
    thread.start()
    return thread


def test_what_is_so_already_is_not_watched(make: Make) -> None:
    asked = Asked(b"up", make("x", record(7)), make("y", record(8)))
    assert asked.wait()
    assert asked.waiting._watch is None


def test_change_ends_the_wait(make: Make, way: str) -> None:
    x, y = make("x", record(0, DOWN)), make("y", record(0, DOWN))
    asked = Asked(b"up", x, y)

    def change() -> None:
        y.publish(record(8))
        x.publish(record(7))

    thread = while_it_waits(change)
    assert asked.wait()
    thread.join()
    assert asked.said == []


def test_all_must_be_so_at_the_same_time(make: Make, way: str) -> None:
    x, y = make("x", record(7)), make("y", record(0, DOWN))
    asked = Asked(b"up", x, y)
    x.publish(record(0))
    y.publish(record(8))
    assert not asked.wait(0.5)
    assert asked.waiting.missing() == [os.fsencode(x.directory)]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_change_beside_the_beginning_of_the_watch_is_seen(
    make: Make, way: str, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make("x", record(0, DOWN))
    begin = WatchedService.watch_with

    def beside(watched: WatchedService, watch: folderwatch.FolderWatch) -> None:
        if moment == "before":
            service.publish(record(7))
        begin(watched, watch)
        if moment == "after":
            service.publish(record(7))

    monkeypatch.setattr(WatchedService, "watch_with", beside)
    assert Asked(b"up", service).wait()


def test_supervisor_may_have_no_status_yet(make: Make, way: str) -> None:
    service = make("x")
    asked = Asked(b"up", service)
    thread = while_it_waits(lambda: service.publish(record(7)))
    assert asked.wait()
    thread.join()


def test_restart_is_waited_for(make: Make, way: str) -> None:
    service = make("x", record(7, age=9))
    asked = Asked(b"up", service, letters=b"t")
    assert asked.waiting.missing()
    thread = while_it_waits(lambda: service.publish(record(8)))
    assert asked.wait()
    thread.join()


def test_time_may_be_over(make: Make, way: str) -> None:
    asked = Asked(b"down", make("x", record(7)))
    assert not asked.wait(0.0)
    assert (asked.said, len(asked.waiting.missing())) == ([], 1)


def test_supervisor_that_leaves_after_its_service_is_no_failure(make: Make, way: str) -> None:
    x, y = make("x", record(7)), make("y", record(8))
    asked = Asked(b"finished", x, y, letters=b"dx")

    def leave() -> None:
        x.publish(record(0, DOWN))
        x.end()
        y.publish(record(0, DOWN))
        y.end()

    thread = while_it_waits(leave)
    assert asked.wait()
    thread.join()
    assert asked.said == []


@pytest.mark.parametrize("goal", STATES)
def test_supervisor_that_is_killed_ends_the_wait(make: Make, way: str, goal: bytes) -> None:
    stays = record(0 if goal in (b"up", b"ready") else 7)
    service = make("x", stays)
    asked = Asked(goal, service)
    thread = while_it_waits(service.end)
    assert not asked.wait()
    thread.join()
    assert asked.reasons() == [watchedservice.ENDED]


def test_next_supervisor_is_taken(make: Make, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    service = make("x", record(0, DOWN))
    asked = Asked(b"up", service)
    begin = WatchedService.watch_with

    def beside(watched: WatchedService, watch: folderwatch.FolderWatch) -> None:
        begin(watched, watch)
        if service.state.with_name("old").exists():
            return
        # The one supervisor ends when another is there already.
        fresh = service.state.with_name("fresh")
        service.end()
        service.furnish(fresh)
        service.publish(record(7), fresh)
        service.state.rename(service.state.with_name("old"))
        fresh.rename(service.state)

    monkeypatch.setattr(WatchedService, "watch_with", beside)
    assert asked.wait()
    assert asked.said == []


@pytest.mark.parametrize("has_status", [True, False])
def test_directory_that_is_removed_ends_the_wait(make: Make, way: str, has_status: bool) -> None:
    """No event tells of the end of ``supervise`` itself, as long as we hold ``ok`` open."""
    service = make("x", record(0, DOWN) if has_status else None)
    asked = Asked(b"up", service)
    thread = while_it_waits(lambda: remove(service.directory))
    assert not asked.wait()
    thread.join()
    assert len(asked.said) == 1


def test_failure_for_good_ends_the_wait(make: Make, way: str) -> None:
    service = make("x", record(7))
    asked = Asked(b"ready", service, letters=b"t")
    failed = statusrecord.Details(flags=statusrecord.FAILED)
    thread = while_it_waits(lambda: service.publish(record(0, DOWN, details=failed)))
    assert not asked.wait()
    thread.join()
    assert asked.reasons() == [waiting.FAILED]


@pytest.mark.parametrize(
    ("trap", "reason"),
    [
        (lambda path: os.mkfifo(path), b"unable to open supervise/status"),
        (lambda path: os.symlink("/etc/passwd", path), b"unable to open supervise/status"),
        (lambda path: os.mkdir(path), b"unable to read supervise/status"),
        (lambda path: path.write_bytes(b"x" * 17), b"unable to read supervise/status: bad format"),
        (lambda path: path.touch(), b"unable to read supervise/status: bad format"),
    ],
    ids=["fifo", "link", "directory", "short", "empty"],
)
def test_status_of_another_kind_is_refused(
    make: Make, way: str, trap: Callable[[Path], object], reason: bytes
) -> None:
    service = make("x")
    trap(service.state / "status")
    asked = Asked(b"up", service)
    assert not asked.wait()
    assert asked.reasons() == [reason]


def test_trap_that_appears_later_is_refused_too(make: Make, way: str) -> None:
    service = make("x", record(0, DOWN))
    os.mkfifo(service.state / "trap")
    asked = Asked(b"up", service)
    thread = while_it_waits(lambda: (service.state / "trap").rename(service.state / "status"))
    assert not asked.wait()
    thread.join()
    assert asked.reasons() == [b"unable to open supervise/status"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_status_of_a_third_user_is_refused(make: Make) -> None:
    service = make("x", record(7))
    os.chown(service.state, 65534, 65534)
    os.chown(service.state / "status", 65533, 65533)
    asked = Asked(b"up", service)
    assert not asked.wait()
    assert [reason.error and reason.error.errno for _, reason in asked.said] == [1]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(garbage=st.binary(max_size=100), goal=st.sampled_from(STATES))
def test_any_bytes_are_a_state_or_a_reason(make: Make, garbage: bytes, goal: bytes) -> None:
    service = make(os.urandom(8).hex())
    service.publish(garbage)
    asked = Asked(goal, service)
    reached = asked.wait(0.0)
    assert not (reached and asked.said)
    assert bool(asked.said) or len(garbage) >= statusrecord.SIZE
    service.end()


def test_where_no_directory_can_be_watched_it_looks(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    service = make("x", record(0, DOWN))
    asked = Asked(b"up", service)
    monkeypatch.setattr(folderwatch, "NOTIFY", -1)  # EINVAL, as with fs.dir-notify-enable=0
    thread = while_it_waits(lambda: service.publish(record(7)))
    assert asked.wait()
    thread.join()
    assert asked.watched == [False]


def test_without_a_descriptor_for_watching_it_looks(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError(errno.EMFILE, "")

    service = make("x", record(0, DOWN))
    asked = Asked(b"up", service)
    monkeypatch.setattr(folderwatch, "FolderWatch", refuse)
    thread = while_it_waits(lambda: service.publish(record(7)))
    assert asked.wait()
    thread.join()
    assert asked.said == []


@NEEDS_EVENTS
def test_one_that_cannot_be_watched_does_not_spoil_the_others(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = make("x", record(0, DOWN)), make("y", record(0, DOWN))
    asked = Asked(b"up", x, y)
    add = folderwatch.FolderWatch.add

    def refuse(watch: folderwatch.FolderWatch, folder: int) -> int | None:
        found = os.readlink(f"/proc/self/fd/{folder}")
        return None if found == str(y.state) else add(watch, folder)

    monkeypatch.setattr(folderwatch.FolderWatch, "add", refuse)

    def change() -> None:
        x.publish(record(7))
        y.publish(record(8))

    thread = while_it_waits(change)
    assert asked.wait()
    thread.join()
    assert asked.watched == [True, False]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_who_may_not_read_the_directory_looks_from_time_to_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As docs/service.md has a service given away: ``supervise`` has mode 711, the fifos another owner."""
    pause = Waiting._pause
    services: list[FakeService] = []

    def beside(asked: Waiting, left: float | None) -> set[int]:
        os.seteuid(0)
        for service in services:
            service.publish(record(7))
        os.seteuid(65534)
        return pause(asked, left)

    monkeypatch.setattr(Waiting, "_pause", beside)
    with TemporaryDirectory() as where:
        os.chmod(where, 0o711)
        service = FakeService(Path(where, "x"), record(0, DOWN))
        services.append(service)
        service.state.chmod(0o711)
        os.chown(service.state / "ok", 65534, -1)
        os.seteuid(65534)
        try:
            asked = Asked(b"up", service)
            assert asked.wait()
        finally:
            os.seteuid(0)
            service.end()
    assert asked.watched == [False]
    assert asked.said == []


def test_up_and_wanted_down_is_up(make: Make) -> None:
    assert Asked(b"up", make("x", record(7, DOWN))).wait()


def test_same_directory_twice_is_one(make: Make) -> None:
    service = make("x", record(0, DOWN))
    asked = Asked(b"up", service, service)
    thread = while_it_waits(lambda: service.publish(record(7, UP)))
    assert asked.wait()
    thread.join()
