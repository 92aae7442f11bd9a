"""Which pipe is taken back of services and loggers that were left running, and from whom."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ucspi.service import recovery
from ucspi.service.directory import Directory
from ucspi.service.pipe import Pipe
from ucspi.service.recovery import recover
from ucspi.service.supervisor import Supervisor, Surroundings
from ucspi.unix import environ, locks


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a", "a/log"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run").write_text("#!/bin/sh\nexec sleep 1000\n")
        (tmp_path / name / "run").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Left:
    """Processes that their supervisors left running."""

    def __init__(self) -> None:
        """Leave none yet."""
        self._pids: list[int] = []

    def leave(self, name: bytes, *, input: int = -1, output: int = -1) -> None:  # noqa: A002 - what it is
        """Start a service, and give it up."""
        supervisor = Supervisor(name, Surroundings(environ.inherited(), input=input, output=output))
        supervisor.resume()
        self._pids.append(supervisor.pid)
        supervisor.close()

    def end(self) -> None:
        """Kill them all."""
        for pid in self._pids:
            os.kill(pid, 9)
            os.waitpid(pid, 0)


@pytest.fixture
def left() -> Iterator[Left]:
    made = Left()
    yield made
    made.end()


def which(pipe: Pipe | None) -> int:
    """Return the inode of a pipe, which is closed; 0 for none."""
    if pipe is None:
        return 0
    found = {os.fstat(end).st_ino for end in (pipe.reader, pipe.writer)}
    pipe.close()
    assert len(found) == 1
    return found.pop()


def test_nothing_is_recovered_where_nothing_ran(here: Path) -> None:
    assert recover(b"a") is None
    assert recover(b"absent") is None


def test_pipe_that_nobody_reads_is_preferred_to_what_a_logger_has(here: Path, left: Left) -> None:
    """What the logger reads will end; what the service writes would be lost."""
    reader, writer = os.pipe()
    unread, other = os.fstat(reader).st_ino, os.pipe()
    left.leave(b"a", output=writer)
    left.leave(b"a/log", input=other[0])
    assert which(recover(b"a")) == os.fstat(other[0]).st_ino
    os.close(reader)
    assert which(recover(b"a")) == unread
    for descriptor in (writer, *other):
        os.close(descriptor)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_too_few_means_are_not_taken_for_nothing_there(
    here: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, "none left")

    monkeypatch.setattr(Directory, "find_running", fail)
    with pytest.raises(OSError, match=os.strerror(number)):
        recover(b"a")


def test_holder_of_a_lock_that_is_no_supervise_has_no_pipe_of_ours(here: Path) -> None:
    """As a scanner that hosts, whose input may be a pipe."""
    supervisor = Supervisor(b"a/log", Surroundings(environ.inherited()))
    assert locks.find_holder(b"a/log/supervise/lock") == os.getpid()
    assert not recovery._is_supervise(os.getpid())
    assert recover(b"a") is None
    supervisor.close()
    assert locks.find_holder(b"a/log/supervise/lock") is None
    assert locks.find_holder(b"a/absent") is None
