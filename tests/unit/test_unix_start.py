"""Both ways to start a program keep one contract."""

import errno
import fcntl
import gc
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import ENVIRONMENT, signals
from tests.support.patience import PATIENCE, wait_for
from tests.support.starting import Start, starter
from ucspi.unix import native
from ucspi.unix import start as module
from ucspi.unix.start import ChildSetup, PidFile, PidLine, start_by_clone, start_by_fork

pytestmark = pytest.mark.sampled(3)


@pytest.fixture(params=["native", "fork"])
def start(request: pytest.FixtureRequest) -> Start:
    return starter(request.param)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    for end in ends:
        os.set_inheritable(end, False)
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            pass


def told(start: Start, pipe: tuple[int, int], script: str, **there: Any) -> bytes:
    """Return what a program wrote to its standard output; it must end with 0."""
    pid = start(script, output=pipe[1], **there)
    os.close(pipe[1])
    assert os.waitpid(pid, 0) == (pid, 0)
    return os.read(pipe[0], 65536)


def test_program_has_its_arguments_and_environment(start: Start, pipe: tuple[int, int]) -> None:
    assert told(start, pipe, 'echo "$0,$A,$B"', environ=(b"A=1", b"", b"B=x=y")) == b"name,1,x=y\n"


def test_program_knows_its_pid_by_a_variable(start: Start, pipe: tuple[int, int]) -> None:
    for count in (1, 2):
        ours, theirs = os.pipe()
        script = 'echo "$A $LISTEN_PID $$" $(env | grep -c LISTEN)'
        pid = start(script, output=theirs, environ=(b"A=1",), pid_variable=b"LISTEN_PID=")
        os.close(theirs)
        assert os.waitpid(pid, 0) == (pid, 0)
        assert os.read(ours, 100) == b"1 %d %d 1\n" % (pid, pid), count
        os.close(ours)


def test_program_reads_and_writes_what_it_is_given(start: Start, pipe: tuple[int, int]) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"text")
    os.close(writer)
    assert told(start, pipe, "cat", input=reader) == b"text"
    os.close(reader)


def test_program_stands_in_its_directory_and_we_in_ours(
    start: Start, pipe: tuple[int, int], tmp_path: Path
) -> None:
    before = os.getcwd()
    directory = os.open(tmp_path, os.O_RDONLY)
    assert told(start, pipe, "pwd -P", directory=directory).strip() == bytes(tmp_path.resolve())
    os.close(directory)
    assert os.getcwd() == before


def test_missing_directory_is_reported_like_a_missing_program(
    start: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    file = os.open("/dev/null", os.O_RDONLY)
    pid = start("exit 0", directory=file, complaint=b"cannot: ")
    os.close(file)
    assert os.waitpid(pid, 0)[1] == 111 << 8
    assert capfd.readouterr().err == "cannot: not a directory\n"


def test_failed_exec_is_reported_and_ends_with_111(capfd: pytest.CaptureFixture[str]) -> None:
    for by in (start_by_fork, start_by_clone) if native.lib else (start_by_fork,):
        for complaint, wanted in ((b"cannot: ", "cannot: file does not exist\n"), (b"", "")):
            pid = by([b"./nonexistent"], [b"x"], [], ChildSetup(complaint=complaint))
            assert os.waitpid(pid, 0)[1] == 111 << 8
            assert capfd.readouterr().err == wanted


@pytest.mark.parametrize("by", ["start_by_fork", "start_by_clone"])
def test_full_pipe_for_the_complaint_holds_nobody_up(by: str) -> None:
    """The program is gone, or waits there by itself; we go on."""
    if by == "start_by_clone" and native.lib is None:
        pytest.skip("the compiled module is not built")
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    while select.select([], [writer], [], 0)[1]:
        os.write(writer, bytes(4096))
    os.set_blocking(writer, True)
    script = f"""
from ucspi.unix.start import ChildSetup, {by}
{by}([b"./nonexistent"], [b"x"], [], ChildSetup(complaint=b"cannot: "))
"""
    try:  # in another process, for nothing but SIGKILL ends one that waits
        done = subprocess.run(
            [sys.executable, "-c", script], env=ENVIRONMENT, stderr=writer, timeout=PATIENCE
        )
        assert done.returncode == 0
    finally:
        os.close(writer)
        os.close(reader)  # whoever waits ends


def test_signals_are_those_that_we_inherited(start: Start, pipe: tuple[int, int]) -> None:
    """SIGUSR1 is caught, SIGHUP ignored, SIGTERM and SIGCHLD blocked; CPython ignores two more."""
    old = [
        (number, signal.signal(number, action))
        for number, action in (
            (signal.SIGUSR1, lambda *_: None),
            (signal.SIGHUP, signal.SIG_IGN),
            (signal.SIGCHLD, lambda *_: None),
        )
    ]
    mask = signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGTERM, signal.SIGCHLD})
    try:
        text = told(start, pipe, "/bin/grep ^Sig /proc/self/status")
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == {signal.SIGTERM, signal.SIGCHLD}
    finally:
        for number, action in old:
            signal.signal(number, action)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    lines = dict(line.split()[:2] for line in text.splitlines())
    assert int(lines[b"SigBlk:"], 16) == 1 << signal.SIGTERM - 1
    assert signals(lines[b"SigIgn:"]) == 1 << signal.SIGHUP - 1
    caught = int(lines[b"SigCgt:"], 16)
    assert not caught & (1 << signal.SIGUSR1 - 1)


def test_soft_limit_of_open_files_is_put_back(start: Start, pipe: tuple[int, int]) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 300), hard))
    try:
        assert told(start, pipe, "ulimit -Sn; ulimit -Hn", open_files=77).split()[0] == b"77"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_program_has_more_descriptors_where_it_wants_them(
    start: Start, pipe: tuple[int, int], tmp_path: Path
) -> None:
    (tmp_path / "four").write_bytes(b"4")
    (tmp_path / "seven").write_bytes(b"7")
    opened = [os.open(tmp_path / name, os.O_RDONLY | os.O_CLOEXEC) for name in ("four", "seven")]
    above = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 10) for number in opened]
    assert told(start, pipe, "cat <&4; cat <&7", others=((above[0], 4), (above[1], 7))) == b"47"
    for number in opened + above:
        os.close(number)


def test_program_inherits_no_descriptor_of_ours(start: Start, pipe: tuple[int, int]) -> None:
    opened = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 200)
    given = fcntl.fcntl(0, fcntl.F_DUPFD, 220)
    numbers = told(start, pipe, "ls /proc/self/fd").split()
    os.close(opened)
    os.close(given)
    assert b"220" in numbers
    assert b"%d" % opened not in numbers


def test_it_stays_in_our_session(start: Start, pipe: tuple[int, int]) -> None:
    fields = told(start, pipe, "cat /proc/$$/stat").rpartition(b")")[2].split()
    assert [int(fields[2]), int(fields[3])] == [os.getpgid(0), os.getsid(0)]


def test_no_process_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """As root the limit on processes does not hold, so a filter of system calls would be needed."""

    def refuse() -> int:
        raise OSError(errno.EAGAIN, "no")

    monkeypatch.setattr(os, "fork", refuse)
    with pytest.raises(BlockingIOError):
        start_by_fork([b"/bin/true"], [b"true"], [], ChildSetup())
    if native.lib is None:
        return
    real = native.lib

    class Refusing:
        usys_start = staticmethod(lambda what: -errno.EAGAIN)

    monkeypatch.setattr(native, "lib", Refusing)
    with pytest.raises(BlockingIOError):
        module.start([b"/bin/true"], [b"true"], [])
    assert real.usys_start is not Refusing.usys_start


def test_signals_are_let_through_again_when_there_is_no_pipe() -> None:
    """Else nothing could end us any more, and no end of a child would be heard of."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            start_by_fork([b"/bin/true"], [b"true"], [], ChildSetup())
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_program_survives_what_could_not_be_written_before_it(start: Start, tmp_path: Path) -> None:
    """A file above the limit of sizes leaves a SIGXFSZ: it must not end the program before it begins."""
    directory = os.open(tmp_path, os.O_RDONLY)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        pid = start("exit 7", directory=directory, name=b"birth", pid_file=PidFile(b"1234", 0, b"n", b"a"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        os.close(directory)
    assert os.waitpid(pid, 0)[1] == 7 << 8


class TestPidFile:
    """What a child publishes before it executes."""

    def started(self, start: Start, tmp_path: Path, file: PidFile) -> int:
        directory = os.open(tmp_path, os.O_RDONLY)
        pid = start("exit 0", directory=directory, pid_file=file)
        os.close(directory)
        os.waitpid(pid, 0)
        return pid

    def test_it_has_the_pid(self, start: Start, tmp_path: Path) -> None:
        file = PidFile(b"0123456789ab\0\0\0\0\0u", 12, b"new", b"name")
        pid = self.started(start, tmp_path, file)
        if file.is_done:
            wanted = b"0123456789ab" + pid.to_bytes(4, "little") + b"\0u"
            assert (tmp_path / "name").read_bytes() == wanted
            assert (tmp_path / "name").stat().st_mode & 0o777 == 0o644 & ~umask()
        assert not (tmp_path / "new").exists()

    def test_what_failed_is_told(self, start: Start, tmp_path: Path) -> None:
        (tmp_path / "new").mkdir()
        file = PidFile(b"0123456789ab\0\0\0\0\0u", 12, b"new", b"name")
        self.started(start, tmp_path, file)
        assert not file.is_done
        assert not (tmp_path / "name").exists()

    def test_no_link_is_followed(self, start: Start, tmp_path: Path) -> None:
        (tmp_path / "other").write_bytes(b"not ours")
        (tmp_path / "new").symlink_to("other")
        file = PidFile(b"0123456789ab\0\0\0\0\0u", 12, b"new", b"name")
        self.started(start, tmp_path, file)
        assert not file.is_done
        assert (tmp_path / "other").read_bytes() == b"not ours"

    def test_the_compiled_way_can(self, tmp_path: Path) -> None:
        if native.lib is None:
            pytest.skip("the compiled module is not built")
        directory = os.open(tmp_path, os.O_RDONLY)
        file = PidFile(b"1234", 0, b"new", b"name")
        there = ChildSetup(directory=directory, pid_file=file)
        pid = start_by_clone([b"/bin/true"], [b"true"], [], there)
        os.close(directory)
        os.waitpid(pid, 0)
        assert file.is_done


def umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


class TestLate:
    """A child that waits before it executes, as for a disk that hangs: here it cannot write its line."""

    @pytest.fixture
    def full(self) -> Iterator[tuple[int, int]]:
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        while select.select([], [writer], [], 0)[1]:
            os.write(writer, bytes(4096))
        os.set_blocking(writer, True)
        for end in (reader, writer):
            os.set_inheritable(end, False)
        yield reader, writer
        os.close(reader)
        os.close(writer)

    def begin(self, script: str, file: int, **there: Any) -> tuple[int, ChildSetup]:
        argv = [b"name", b"-c", script.encode()]
        with_it = ChildSetup(pid_line=PidLine(file, b"text "), patience=0.02, **there)
        pid = self.by([b"/nonexistent/sh", b"/bin/sh"], argv, [b"A=value"], with_it)
        return pid, with_it

    @pytest.fixture(autouse=True, params=["native", "fork"])
    def by_each_way(self, request: pytest.FixtureRequest) -> None:
        if request.param == "native" and (native.lib is None or not is_bare()):
            pytest.skip("the compiled module is not built, or stands still on this processor")
        self.by = start_by_fork if request.param == "fork" else start_by_clone

    def test_quick_child_is_not_late(self, tmp_path: Path) -> None:
        fd = os.open(tmp_path / "birth", os.O_WRONLY | os.O_CREAT)
        with_it = ChildSetup(pid_line=PidLine(fd, b"text "), patience=20.0)
        pid = self.by([b"/bin/sh"], [b"sh", b"-c", b"exit 3"], [], with_it)
        os.close(fd)
        assert with_it.late is None
        assert os.waitpid(pid, 0)[1] == 3 << 8

    def test_it_runs_as_it_should_when_it_can(self, full: tuple[int, int], pipe: tuple[int, int]) -> None:
        """Nothing that it needs is freed, whatever we do meanwhile."""
        pid, with_it = self.begin('echo "$0,$A"', full[1], output=pipe[1])
        late = with_it.late
        assert late is not None
        assert not late.is_over()
        del with_it
        gc.collect()
        churn = [bytes(number) for number in range(20000)]
        other = self.by([b"/bin/sh"], [b"sh", b"-c", b"exit 0"], [b"B=1"], ChildSetup())
        assert os.waitpid(other, 0)[1] == 0
        assert not late.is_over()
        del churn
        os.set_blocking(full[0], False)
        deadline = time.monotonic() + PATIENCE
        while not late.is_over():
            assert time.monotonic() < deadline
            if select.select([full[0]], [], [], 0.01)[0]:
                os.read(full[0], 65536)
        os.close(pipe[1])
        assert os.waitpid(pid, 0)[1] == 0
        assert os.read(pipe[0], 100) == b"name,value\n"

    def test_one_that_was_killed_is_over(self, full: tuple[int, int]) -> None:
        pid, with_it = self.begin("exit 0", full[1])
        assert with_it.late is not None
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert with_it.late.is_over()

    def test_it_has_only_what_is_kept(self, full: tuple[int, int], pipe: tuple[int, int]) -> None:
        """Other services' locks above all."""
        lock, other = (os.open("/dev/null", os.O_RDONLY) for _ in range(2))
        pid, with_it = self.begin("exit 0", full[1], output=pipe[1], kept=[lock])
        assert with_it.late is not None
        wanted = {lock, full[1], pipe[1], 0, 1, 2}

        def there() -> set[int]:
            return {int(name) for name in os.listdir(f"/proc/{pid}/fd")}

        try:
            # It may be late because it has not run yet; in the end it waits for the file.
            wait_for(lambda: len(there()) <= len(wanted) + 1, lambda: str(there()))
            left = there()
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            for fd in (lock, other):
                os.close(fd)
        assert other not in left
        assert left >= wanted
        assert len(left - wanted) <= 1, "by which a forked one tells us of its exec"


def is_bare() -> bool:
    """Say whether we have system calls of our own for this processor."""
    return os.uname().machine in ("x86_64", "aarch64")
