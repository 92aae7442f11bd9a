"""What the status of an essential service says, whoever wrote it, and when it counts."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.patience import wait_for
from ucspi.service import statusrecord
from ucspi.service.essentialservice import EssentialService
from ucspi.service.essentialwatch import exit_code
from ucspi.service.statusrecord import Details, Status
from ucspi.unix import folderwatch, tai


def record(flags: int = 0, *, code: int = 3, signal: int = 0, pid: int = 0) -> bytes:
    details = Details(flags=flags, code=code, signal=signal)
    return Status(tai.now(), pid, 0, statusrecord.WANT_ONCE, details).pack()


class Place:
    """A directory with a service in it; somebody holds its ``ok`` open or not."""

    def __init__(self, where: Path) -> None:
        self.state = where / "a" / "supervise"
        self.state.mkdir(parents=True)
        self.service = EssentialService(bytes(where / "a"))
        self._ok = -1

    def publish(self, text: bytes) -> None:
        (self.state / "status.new").write_bytes(text)
        (self.state / "status.new").rename(self.state / "status")

    def supervise(self) -> None:
        if not (self.state / "ok").exists():
            os.mkfifo(self.state / "ok")
        self._ok = os.open(self.state / "ok", os.O_RDONLY | os.O_NONBLOCK)

    def leave(self) -> None:
        if self._ok >= 0:
            os.close(self._ok)
        self._ok = -1

    def is_over(self) -> bool:
        self.service.look()
        return self.service.final is not None


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    before = signal.signal(signal.SIGIO, lambda number, frame: None)
    made = Place(tmp_path)
    yield made
    made.service._unwatch()
    made.leave()
    signal.signal(signal.SIGIO, before)


@pytest.mark.parametrize("flag", [statusrecord.FAILED, statusrecord.DONE])
def test_old_status_counts_only_while_a_supervisor_runs(place: Place, flag: int) -> None:
    place.publish(record(flag))
    assert not place.is_over()
    assert not place.is_over(), "however often one looks"
    place.supervise()
    assert place.is_over()


def test_new_status_counts_even_if_its_supervisor_has_ended(place: Place) -> None:
    place.publish(record(statusrecord.FAILED))
    assert not place.is_over()
    place.publish(record(statusrecord.FAILED))
    assert place.is_over()


def test_old_status_without_fifos_is_old_too(place: Place) -> None:
    """As in a directory that was copied."""
    place.publish(record(statusrecord.DONE))
    assert not place.is_over()
    os.mkfifo(place.state / "ok")
    assert not place.is_over()


def test_other_directory_of_the_name_begins_anew(place: Place, tmp_path: Path) -> None:
    assert not place.is_over()
    other = Place(tmp_path / "other")
    other.publish(record(statusrecord.FAILED))
    (tmp_path / "a").rename(tmp_path / "b")
    assert not place.is_over()
    (tmp_path / "other/a").rename(tmp_path / "a")
    assert not place.is_over()


@pytest.mark.parametrize("flags", [0, statusrecord.READY, statusrecord.FINISHING, statusrecord.TELLS_READY])
def test_other_flags_end_nothing(place: Place, flags: int) -> None:
    place.supervise()
    place.publish(record(flags))
    assert not place.is_over()
    assert place.service.complaint == b""


@given(text=st.binary(max_size=80))
def test_whatever_stands_there_is_no_error(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    made = Place(tmp_path_factory.mktemp("any"))
    made.supervise()
    made.publish(text)
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    try:
        made.service.look()
        if made.service.final is not None:
            assert len(text) >= statusrecord.LONG_SIZE
            assert 0 <= exit_code(made.service.final) <= 128 + 255
    finally:
        made.service._unwatch()
        made.leave()
        signal.signal(signal.SIGIO, before)


def test_files_of_another_kind_are_refused_without_waiting(place: Place) -> None:
    place.supervise()
    os.mkfifo(place.state / "status")
    assert not place.is_over()
    assert place.service.complaint
    (place.state / "status").unlink()
    place.publish(record(statusrecord.FAILED))
    assert place.is_over()
    assert place.service.complaint == b""


def test_name_that_is_missing_or_no_directory_is_no_complaint(tmp_path: Path) -> None:
    service = EssentialService(bytes(tmp_path / "a"))
    service.look()
    (tmp_path / "a").touch()
    service.look()
    assert (service.final, service.complaint, service.is_watched) == (None, b"", False)


@pytest.mark.parametrize(
    ("code", "number", "wanted"), [(0, 0, 0), (255, 0, 255), (256, 15, 143), (65535, 0, 111)]
)
def test_exit_code(code: int, number: int, wanted: int) -> None:
    status = statusrecord.unpack(record(statusrecord.FAILED, code=code, signal=number))
    assert status
    assert exit_code(status) == wanted


def test_watch_outlives_the_thread_that_began_it(place: Place) -> None:
    if folderwatch.NOTIFY < 0:
        pytest.skip("no F_NOTIFY here")
    came: list[int] = []
    signal.signal(signal.SIGIO, lambda number, frame: came.append(number))
    thread = threading.Thread(target=place.service.look)
    thread.start()
    thread.join()
    if not place.service.is_watched:
        pytest.skip("nothing can be watched here")
    place.publish(record())
    wait_for(lambda: came, "SIGIO")
