"""A supervisor step by step, without anybody who waits: what it does, and in which order."""

import errno
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ucspi.service.servicedir import ServiceDirectory
from ucspi.service.serviceprocess import ServiceSetup
from ucspi.service.statusrecord import unpack
from ucspi.service.supervisor import LONG_REST, REST, Supervisor
from ucspi.unix import start as unix_start

Told = list[tuple[bool, str]]


class Watched:
    """A supervisor in a directory."""

    def __init__(
        self, directory: Path, *, down: bool = False, run: str = "#!/bin/sh\nexec sleep 100\n"
    ) -> None:
        (directory / "run").write_text(run)
        (directory / "run").chmod(0o755)
        if down:
            (directory / "down").touch()
        self.path = directory
        self.supervisor = Supervisor(bytes(directory), ServiceSetup([b"PATH=/usr/bin:/bin"]))
        self.pids: list[int] = []

    def resume(self) -> float:
        rest = self.supervisor.resume()
        if self.supervisor.pid:
            self.pids.append(self.supervisor.pid)
        return rest

    def send(self, letters: bytes) -> None:
        with open(self.path / "supervise" / "control", "wb", 0) as fifo:
            fifo.write(letters)

    def end(self) -> None:
        """Let the process end, and note that as a host does."""
        pid = self.supervisor.pid
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self.supervisor.has_ended = True

    def shown(self) -> tuple[bool, str]:
        """Return what others see."""
        known = unpack((self.path / "supervise" / "status").read_bytes())
        assert known
        return known.pid > 0, chr(known.want)

    def close(self) -> None:
        self.supervisor.close()
        for pid in set(self.pids):
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Told:
    """Give the states that supervisors publish themselves, up or not and wanted how, as they come."""
    told: Told = []
    publish = ServiceDirectory.publish

    def noting(directory: ServiceDirectory, record: bytes) -> None:
        known = unpack(record)
        assert known
        told.append((known.pid > 0, chr(known.want)))
        publish(directory, record)

    monkeypatch.setattr(ServiceDirectory, "publish", noting)
    return told


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path)
    yield made
    made.close()


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Give a list; while it is not empty each start takes one from it, and there is no process."""
    failures: list[bool] = []

    def start(*arguments: Any, **more: Any) -> int:
        if failures:
            failures.pop()
            raise OSError(errno.EAGAIN, "no")
        return unix_start.start(*arguments, **more)

    monkeypatch.setattr("ucspi.service.serviceprocess.start", start)
    return failures


def test_start_rests_and_then_listens(watched: Watched) -> None:
    assert watched.resume() == REST
    assert watched.shown() == (True, "u")
    assert watched.resume() == 0
    assert watched.resume() == 0, "woken for nothing"


def test_restart_is_published_at_once(watched: Watched, published: Told) -> None:
    """That it is down in between is not: the original publishes that too."""
    watched.resume(), watched.resume()
    published.clear()
    watched.end()
    assert watched.resume() == REST
    assert (False, "u") not in published
    assert watched.shown() == (True, "u")


def test_one_letter_is_read_in_a_turn_and_the_end_is_seen_first(watched: Watched) -> None:
    watched.resume(), watched.resume()
    watched.send(b"od")
    watched.end()
    assert watched.resume() == REST, "it is started again before o is read"
    assert watched.shown() == (True, "u")
    assert watched.resume() == 0
    assert watched.shown() == (True, "\0"), "o, once the rest is over"
    assert watched.resume() == 0
    assert watched.shown() == (True, "d")


def test_ended_process_is_not_signalled(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pid may be a stranger's: a letter that is read before the end is seen to signals nobody."""
    watched.resume()
    watched.end()
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append(pid))
    watched.send(b"k")
    watched.resume()
    watched.resume()
    watched.supervisor.has_ended = True
    watched.supervisor.send(signal.SIGTERM)
    monkeypatch.undo()
    assert killed == []
    watched.supervisor.has_ended = False


class TestNoProcess:
    """What the original does when it cannot fork, as strace with failing forks shows it."""

    WARNING = b"supervise: warning: unable to fork for %s, sleeping 60 seconds: temporary failure\n"

    def test_first_start_is_tried_again_after_a_minute(
        self, watched: Watched, failing: list[bool], capfd: pytest.CaptureFixture[str]
    ) -> None:
        failing += [True, True]
        assert watched.resume() == LONG_REST
        assert watched.shown() == (False, "u")
        assert watched.resume() == 0
        assert watched.resume() == LONG_REST, "the next turn tries again"
        assert watched.resume() == 0
        assert watched.resume() == REST
        assert watched.shown() == (True, "u")
        assert capfd.readouterr().err.encode() == 2 * (self.WARNING % bytes(watched.path))

    def test_restart_is_tried_again_before_a_letter_is_read(
        self, watched: Watched, failing: list[bool]
    ) -> None:
        watched.resume(), watched.resume()
        failing += [True]
        watched.end()
        assert watched.resume() == LONG_REST
        assert watched.shown() == (False, "u")
        watched.send(b"d")
        assert watched.resume() == REST
        assert watched.shown() == (True, "u")
        assert watched.resume() == 0
        assert watched.shown() == (True, "d")

    def test_once_is_not_tried_again(self, tmp_path: Path, failing: list[bool]) -> None:
        watched = Watched(tmp_path, down=True)
        watched.resume()
        failing += [True]
        watched.send(b"o")
        assert watched.resume() == LONG_REST
        assert watched.resume() == 0
        assert watched.resume() == 0
        assert watched.shown() == (False, "\0")
        watched.close()


def test_it_leaves_with_its_status_written_twice(tmp_path: Path, published: Told) -> None:
    watched = Watched(tmp_path, down=True)
    assert watched.resume() == 0
    published.clear()
    watched.send(b"x")
    assert watched.resume() == 0
    assert watched.supervisor.has_left
    assert published == [(False, "d"), (False, "d")]
    watched.close()
