"""Which pipe is taken back of services and loggers that were left running, and from whom."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ucspi.service import piperecovery
from ucspi.service.loggerpipe import LoggerPipe
from ucspi.service.piperecovery import recover
from ucspi.service.servicedir import ServiceDirectory
from ucspi.service.serviceprocess import ServiceSetup
from ucspi.service.supervisor import Supervisor
from ucspi.unix import environ, procfiles


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
        self._pids: list[int] = []

    def leave(self, name: bytes, *, input: int = -1, output: int = -1) -> None:  # noqa: A002 - what it is
        """Start a service, and give it up."""
        supervisor = Supervisor(name, ServiceSetup(environ.inherited(), input=input, output=output))
        supervisor.resume()
        self._pids.append(supervisor.pid)
        supervisor.close()

    def end(self) -> None:
        for pid in self._pids:
            os.kill(pid, 9)
            os.waitpid(pid, 0)


@pytest.fixture
def left() -> Iterator[Left]:
    made = Left()
    yield made
    made.end()


def which(pipe: LoggerPipe | None) -> int:
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

    monkeypatch.setattr(ServiceDirectory, "find_running", fail)
    with pytest.raises(OSError, match=os.strerror(number)):
        recover(b"a")


def test_holder_of_a_lock_that_is_no_supervise_has_no_pipe_of_ours(here: Path) -> None:
    """As a scanner that hosts, whose input may be a pipe."""
    supervisor = Supervisor(b"a/log", ServiceSetup(environ.inherited()))
    assert holder(here / "a/log/supervise/lock") == os.getpid()
    assert not piperecovery.is_supervise(os.getpid())
    assert recover(b"a") is None
    supervisor.close()
    assert holder(here / "a/log/supervise/lock") is None


def holder(path: Path) -> int | None:
    """Return the pid of who has locked a file."""
    with path.open("rb") as file:
        return procfiles.find_lock_holder(file.fileno())


class Supervising:
    """A process that looks like a supervise of a directory: it has lock and fifo, and a pipe as input."""

    def __init__(self, directory: Path) -> None:
        """Start it, and wait until it holds what it should."""
        script = (
            "import fcntl, os, sys\n"
            f"os.chdir({str(directory)!r})\n"
            "lock = os.open('supervise/lock', os.O_WRONLY | os.O_CREAT, 0o600)\n"
            "fcntl.flock(lock, fcntl.LOCK_EX)\n"
            "ok = os.open('supervise/ok', os.O_RDONLY | os.O_NONBLOCK)\n"
            "print('ready', flush=True)\n"
            "import time; time.sleep(1000)\n"
        )
        (directory / "supervise").mkdir(exist_ok=True)
        if not (directory / "supervise/ok").exists():
            os.mkfifo(directory / "supervise/ok", 0o600)
        self.reader, self.writer = os.pipe()
        # The last words are those of ``supervise log``: a program, its name and the directory's.
        command = [sys.executable, "-c", script, "/usr/bin/supervise", "log"]
        self.process = subprocess.Popen(command, stdin=self.reader, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"

    def pipe(self) -> int:
        """Return which pipe its input is."""
        return os.fstat(self.reader).st_ino

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()
        os.close(self.reader)
        os.close(self.writer)


class TestLinks:
    """A link in ``supervise`` of one service to what another one's has."""

    @pytest.fixture
    def other(self, here: Path) -> Iterator[Supervising]:
        """Give the supervise of the logger of a service ``b``."""
        (here / "b/log").mkdir(parents=True)
        process = Supervising(here / "b/log")
        yield process
        process.end()

    def test_logger_s_own_supervise_is_found(self, here: Path, other: Supervising) -> None:
        assert which(recover(b"b")) == other.pipe()

    @pytest.mark.parametrize("linked", [("lock", "ok"), ("lock",)])
    def test_nobody_is_handed_the_pipe_of_another_by_a_link(
        self, here: Path, other: Supervising, linked: tuple[str, ...]
    ) -> None:
        state = here / "a/log/supervise"
        state.mkdir()
        os.mkfifo(state / "ok")
        reader = os.open(state / "ok", os.O_RDONLY | os.O_NONBLOCK)
        for name in linked:
            (state / name).unlink(missing_ok=True)
            (state / name).symlink_to(here / "b/log/supervise" / name)
        assert recover(b"a") is None
        os.close(reader)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
    @pytest.mark.parametrize("owned", ["supervise", "supervise/lock"])
    def test_what_another_user_can_have_put_there_is_not_believed(
        self, here: Path, other: Supervising, owned: str
    ) -> None:
        """By a second name, or by another way; the same demand as for a birth."""
        os.chown(here / "b/log" / owned, 65534, -1)
        assert recover(b"b") is None

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
    def test_whole_directory_by_a_link_of_another_user_is_not_believed(
        self, here: Path, other: Supervising
    ) -> None:
        (here / "a/log/supervise").symlink_to(here / "b/log/supervise")
        assert which(recover(b"a")) == other.pipe(), "a link of root's is"
        os.chown(here / "a/log", 65534, -1)
        assert recover(b"a") is None
