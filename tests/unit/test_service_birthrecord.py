"""A birth record means one process for certain, or none."""

import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.starting import Start, starter
from ucspi.service import birthrecord
from ucspi.unix.start import PidLine


@pytest.fixture(params=["native", "fork"])
def start(request: pytest.FixtureRequest) -> Start:
    return starter(request.param)


def write_own(path: Path) -> None:
    """Write this process's birth into a file."""
    with path.open("wb") as file:
        path.chmod(0o600)
        PidLine(file.fileno(), birthrecord.head(b"m")).write()


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


def test_child_is_found_while_it_runs(start: Start, directory: int) -> None:
    pid = start("exec sleep 100", directory=directory, name=b"birth")
    found = birthrecord.find(b"birth", b"m", directory)
    assert found
    assert found[0] == pid
    assert not birthrecord.has_ended(found[1])
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert birthrecord.has_ended(found[1])
    os.close(found[1])
    assert birthrecord.find(b"birth", b"m", directory) is None, "not reaped, but ended"
    os.waitpid(pid, 0)
    assert birthrecord.find(b"birth", b"m", directory) is None


def test_line_is_replaced_by_the_next_child(start: Start, directory: int, tmp_path: Path) -> None:
    for _ in range(2):
        pid = start("exit 0", directory=directory, name=b"birth")
        os.waitpid(pid, 0)
        line = (tmp_path / "birth").read_bytes()
        assert len(line) == birthrecord.SIZE
        assert line.startswith(birthrecord.head(b"m"))
        assert int(line.split()[3]) == pid
    assert (tmp_path / "birth").stat().st_mode & 0o777 == 0o600


def test_child_runs_although_it_cannot_be_written(start: Start, directory: int) -> None:
    pid = start("exit 7", directory=directory, pid_line=PidLine(directory, b"text "))
    assert os.waitpid(pid, 0)[1] == 7 << 8


@pytest.mark.parametrize("field", range(5))
def test_process_that_differs_in_anything_is_a_stranger(
    start: Start, directory: int, tmp_path: Path, field: int
) -> None:
    pid = start("exec sleep 100", directory=directory, name=b"birth")
    fields = (tmp_path / "birth").read_bytes().split()
    try:
        fields[field] = b"%d" % os.getpid() if field == 3 else fields[field][:-1] + b"x"
        other = b"%-36s %-20s %-34s %-20s %-20s\n" % tuple(fields)
        (tmp_path / "birth").write_bytes(other)
        assert len(other) == birthrecord.SIZE
        assert birthrecord.find(b"birth", b"m", directory) is None
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.mark.parametrize("damage", [b"", b"\n", b"x" * 100, b"1 2 3 4\n"])
def test_damaged_line_names_nobody(directory: int, tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "birth").write_bytes(damage)
    assert birthrecord.find(b"birth", b"m", directory) is None
    whole = birthrecord.head(b"m") + b"%-20d %-20s\n" % (os.getpid(), b"x")
    for end in range(0, len(whole), 7):
        (tmp_path / "birth").write_bytes(whole[:end])
        assert birthrecord.find(b"birth", b"m", directory) is None


@pytest.mark.parametrize("pid", [b"9" * 20, b"-1", b"0", b"1_0", b"+1", b"1.0"])
def test_number_that_is_no_pid_names_nobody(directory: int, tmp_path: Path, pid: bytes) -> None:
    (tmp_path / "birth").write_bytes(birthrecord.head(b"m") + b"%-20s %-20d\n" % (pid, 1))
    assert birthrecord.find(b"birth", b"m", directory) is None


@pytest.mark.parametrize("what", [".", "birth"])
@pytest.mark.parametrize("mode", [None, 0o620, 0o602])
def test_line_that_others_may_have_written_names_nobody(
    directory: int, tmp_path: Path, what: str, mode: int | None
) -> None:
    """Whoever can write a line could have a supervisor of root's signal any process."""
    write_own(tmp_path / "birth")
    found = birthrecord.find(b"birth", b"m", directory)
    assert found
    os.close(found[1])
    if mode is not None:
        (tmp_path / what).chmod(mode | 0o100)
    elif os.geteuid():
        pytest.skip("only root can give a file away")
    else:
        os.chown(tmp_path / what, 65534, -1)
    assert birthrecord.find(b"birth", b"m", directory) is None


@pytest.mark.parametrize("left", range(3))
def test_it_is_an_error_when_there_are_too_few_descriptors_to_find_out(
    directory: int, tmp_path: Path, left: int
) -> None:
    """Not that there is nobody: a second copy would be started."""
    write_own(tmp_path / "birth")
    birthrecord.head(b"m")
    taken = [os.dup(directory)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken[0] + 200, hard))
    try:
        taken += list(copies(directory))
        for _ in range(left):
            os.close(taken.pop())
        if left < 2:
            with pytest.raises(OSError, match="Too many open files"):
                birthrecord.find(b"birth", b"m", directory)
        else:
            found = birthrecord.find(b"birth", b"m", directory)
            assert found
            os.close(found[1])
    finally:
        for fd in taken:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_both_ways_write_the_same_line(directory: int, tmp_path: Path) -> None:
    write_own(tmp_path / "mine")
    found = birthrecord.find(b"mine", b"m", directory)
    assert found
    assert found[0] == os.getpid()
    os.close(found[1])


def test_process_with_an_odd_name_is_found(start: Start, directory: int, tmp_path: Path) -> None:
    odd = tmp_path / ") 1 (2"
    odd.symlink_to("/bin/sleep")
    pid = start("exec './) 1 (2' 100", directory=directory, name=b"birth")
    while b") 1 (2" not in Path(f"/proc/{pid}/stat").read_bytes():
        pass
    found = birthrecord.find(b"birth", b"m", directory)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert found
    assert found[0] == pid
    os.close(found[1])


def copies(descriptor: int) -> Iterator[int]:
    """Yield all the descriptors that there may be."""
    try:
        while True:
            yield os.dup(descriptor)
    except OSError:
        pass
