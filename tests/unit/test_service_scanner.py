"""PeriodicScan of real directories, with supervisors that are only noted."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ucspi.service.loggerpipe import LoggerPipe
from ucspi.service.registry import LOG, MAIN, Registry
from ucspi.service.scanner import Scanner


class Noting:
    """Starts nothing, and notes what it was asked to."""

    def __init__(self) -> None:
        self.started: list[tuple[bytes, int, LoggerPipe | None]] = []
        self.pipes: set[LoggerPipe] = set()
        self.error: OSError | None = None

    def start(self, name: bytes, role: int, pipe: LoggerPipe | None) -> int:
        if self.error:
            raise self.error
        self.started.append((name, role, pipe))
        if pipe:
            self.pipes.add(pipe)
        return len(self.started) - 1

    def take(self) -> list[tuple[bytes, int]]:
        """Return what was started since this was asked last, in order."""
        new = [(name, role) for name, role, _ in self.started[self.taken :]]
        self.taken = len(self.started)
        return new

    taken = 0


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "services").mkdir()
    (tmp_path / "scanned").mkdir()
    monkeypatch.chdir(tmp_path / "scanned")
    return tmp_path


@pytest.fixture
def noting() -> Iterator[Noting]:
    noting = Noting()
    yield noting
    for pipe in noting.pipes:
        try:
            pipe.close()
        except OSError:
            pass  # the scanner did


@pytest.fixture
def scanner(here: Path, noting: Noting) -> Scanner:
    return Scanner(noting)


def service(here: Path, name: str, *links: str, logged: bool = False) -> Path:
    directory = here / "services" / name
    (directory / "log" if logged else directory).mkdir(parents=True)
    for link in links or (name,):
        (here / "scanned" / link).symlink_to(directory)
    return directory


def is_open(pipe: LoggerPipe | None) -> bool:
    assert pipe is not None
    try:
        return [os.fstat(end).st_nlink for end in (pipe.reader, pipe.writer)] == [1, 1]
    except OSError:
        return False


def test_what_runs_is_not_started_again(here: Path, scanner: Scanner, noting: Noting) -> None:
    service(here, "a", logged=True)
    scanner.scan()
    assert noting.take() == [(b"a", MAIN), (b"a", LOG)]
    scanner.scan()
    assert noting.take() == []


def test_ended_supervisor_is_started_on_the_same_pipe(here: Path, scanner: Scanner, noting: Noting) -> None:
    service(here, "a", logged=True)
    scanner.scan()
    scanner.registry.ended(1)
    scanner.scan()
    assert noting.take()[2:] == [(b"a", LOG)]
    assert len(noting.pipes) == 1


def test_restart_uses_the_new_name(here: Path, scanner: Scanner, noting: Noting) -> None:
    service(here, "a", "old")
    scanner.scan()
    (here / "scanned/old").rename(here / "scanned/new")
    scanner.scan()
    scanner.registry.ended(0)
    scanner.scan()
    assert noting.take() == [(b"old", MAIN), (b"new", MAIN)]


def test_name_of_another_directory_is_a_new_service(here: Path, scanner: Scanner, noting: Noting) -> None:
    service(here, "a", "link", logged=True)
    scanner.scan()
    (here / "scanned/link").unlink()
    service(here, "b", "link")
    scanner.scan()
    scanner.registry.ended(0)
    scanner.scan()
    assert noting.take() == [(b"link", MAIN), (b"link", LOG), (b"link", MAIN)]
    assert is_open(noting.started[0][2])  # the logger of the old one still runs
    scanner.registry.ended(1)
    scanner.scan()
    assert not is_open(noting.started[0][2])


def test_logger_added_later_is_seen_once_the_service_was_forgotten(
    here: Path, scanner: Scanner, noting: Noting
) -> None:
    directory = service(here, "a")
    scanner.scan()
    (directory / "log").mkdir()
    scanner.registry.ended(0)
    scanner.scan()
    assert noting.take() == [(b"a", MAIN), (b"a", MAIN)]
    link = here / "scanned/a"
    link.unlink()
    scanner.registry.ended(1)
    scanner.scan()
    link.symlink_to(directory)
    scanner.scan()
    assert noting.take() == [(b"a", MAIN), (b"a", LOG)]


def test_removed_and_recreated_directory_is_a_new_service(
    here: Path, scanner: Scanner, noting: Noting
) -> None:
    directory = service(here, "a")
    scanner.scan()
    keep = os.open(directory, os.O_RDONLY)  # or the new one may get its inode
    shutil.rmtree(directory)
    scanner.scan()
    directory.mkdir()
    scanner.scan()
    os.close(keep)
    assert noting.take() == [(b"a", MAIN), (b"a", MAIN)]


def test_interrupted_scan_forgets_nothing(
    here: Path,
    scanner: Scanner,
    noting: Noting,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    service(here, "a", logged=True)
    scanner.scan()
    scanner.registry.ended(0)
    scanner.registry.ended(1)
    (here / "scanned/a").unlink()

    def fail(path: bytes) -> None:
        raise OSError(5, "I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", fail)
        scanner.scan()
    assert is_open(noting.started[0][2])
    assert capfd.readouterr().err == "svscan: warning: unable to read directory: input/output error\n"
    scanner.scan()
    assert not is_open(noting.started[0][2])


def test_no_fork_for_the_service_means_none_for_its_logger(
    here: Path, scanner: Scanner, noting: Noting, capfd: pytest.CaptureFixture[str]
) -> None:
    service(here, "a", logged=True)
    noting.error = OSError(11, "again")
    scanner.scan()
    assert capfd.readouterr().err == "svscan: warning: unable to fork for a: temporary failure\n"
    noting.error = None
    scanner.scan()
    assert noting.take() == [(b"a", MAIN), (b"a", LOG)]


def test_full_registry_starts_what_it_knows(
    here: Path, noting: Noting, capfd: pytest.CaptureFixture[str]
) -> None:
    scanner = Scanner(noting, Registry(limit=2))
    for name in ("a", "b", "c"):
        service(here, name)
    scanner.scan()
    [left] = {b"a", b"b", b"c"} - {name for name, _ in noting.take()}
    assert capfd.readouterr().err == (
        f"svscan: warning: unable to start {left.decode()}: running too many services\n"
    )
    scanner.registry.ended(0)
    scanner.registry.ended(1)
    scanner.scan()
    assert {name for name, _ in noting.take()} == {b"a", b"b", b"c"} - {left}
