"""All supervisors in one process: looks like the original, outlives any one service, and is adopted."""

import os
import re
import resource
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.e2e.scanning import COUNTER, HUNG, IN_PROCESS, LOGGER, Scanning, add, have_only_three, pipe_of
from tests.support.oracles import Oracle
from tests.support.patience import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.oracle]


@pytest.fixture
def scanning(tmp_path: Path, oracle: Oracle) -> Iterator[Scanning]:
    for program in ("svc", "svstat", "multilog"):
        oracle(program)
    with Scanning(tmp_path) as made:
        yield made


def test_services_and_loggers_share_pipes_and_nothing_else(scanning: Scanning) -> None:
    for name in ("a", "b"):
        add(scanning.scanned, name, log=LOGGER)
    add(scanning.scanned, "c")
    scanning.start(IN_PROCESS)
    a, a_log, b, b_log, c = scanning.wait_up("a", "a/log", "b", "b/log", "c")
    assert pipe_of(a, 1) == pipe_of(a_log, 0)
    assert pipe_of(b, 1) == pipe_of(b_log, 0)
    assert len({pipe_of(pid, 1) for pid in (a, b, c)}) == 3
    assert {pipe_of(pid, 0) for pid in (a, b, c)} == {"/dev/null"}
    have_only_three(a, b, c)
    assert Path(os.readlink(f"/proc/{a}/cwd")) == scanning.scanned / "a"
    own = str(scanning.scanned / "a/log/main")
    wait_for(lambda: os.readlink(f"/proc/{a_log}/cwd") == own, "multilog to enter its directory")
    assert not [command for command in scanning.running().values() if command.startswith("supervise")]
    assert scanning.lines() == []


class TestAfterAKill:
    def test_everything_goes_on_and_no_line_is_lost(self, scanning: Scanning) -> None:
        add(scanning.scanned, "a", COUNTER, LOGGER)
        scanning.start(IN_PROCESS)
        service, logger = scanning.wait_up("a", "a/log")
        pipe = pipe_of(logger, 0)
        wait_for(lambda: len(scanning.numbers("a")) > 3, "the first lines")
        scanning.kill()
        scanning.start(IN_PROCESS)
        wait_for(lambda: sum(b"taking over" in line for line in scanning.lines()) == 2, "both to be adopted")
        assert [scanning.pid("a"), scanning.pid("a/log")] == [service, logger]
        scanning.control("-t", "a")
        new_service = scanning.wait_new("a", service)
        scanning.control("-t", "a/log")
        new_logger = scanning.wait_new("a/log", logger)
        assert pipe_of(new_service, 1) == pipe_of(new_logger, 0) == pipe
        last = len(scanning.numbers("a"))
        wait_for(lambda: len(scanning.numbers("a")) > last + 3, "the last lines")
        numbers = scanning.numbers("a")
        assert sorted(set(numbers)) == list(range(max(numbers) + 1))
        assert len(numbers) <= max(numbers) + 2  # the one that was being written may stand there twice
        assert len([command for command in scanning.running().values() if "/bin/sh ./run" in command]) == 1

    def test_pipe_is_found_at_the_service_when_its_logger_was_killed_too(self, scanning: Scanning) -> None:
        service = add(
            scanning.scanned, "a", "#!/bin/sh\nread line < go; echo $line; exec sleep 1000\n", LOGGER
        )
        os.mkfifo(service / "go")
        scanning.start(IN_PROCESS)
        pid, logger = scanning.wait_up("a", "a/log")
        pipe = pipe_of(logger, 0)
        scanning.kill()
        os.kill(logger, 9)
        wait_for(lambda: not Path(f"/proc/{logger}/cwd").exists(), "the logger's end")
        scanning.start(IN_PROCESS)
        wait_for(lambda: scanning.pid("a/log") not in (0, logger), "another logger")
        assert pipe_of(scanning.wait_new("a/log", logger), 0) == pipe
        (service / "go").write_text("1\n")
        wait_for(lambda: scanning.numbers("a") == [1], "the line")
        assert scanning.pid("a") == pid

    def test_output_that_somebody_else_reads_is_not_taken_for_the_pipe(self, scanning: Scanning) -> None:
        """As a service without a logger has, whose scanner wrote to a pipe."""
        reader, writer = os.pipe()
        service = add(scanning.scanned, "a")
        scanning.start(IN_PROCESS, before=lambda: os.dup2(writer, 1))
        [pid] = scanning.wait_up("a")
        scanning.kill()
        add(scanning.scanned, "later", log=LOGGER)
        shutil.copytree(scanning.scanned / "later/log", service / "log")
        scanning.start(IN_PROCESS)
        [logger] = scanning.wait_up("a/log")
        assert pipe_of(logger, 0) != pipe_of(pid, 1)
        os.close(reader)
        os.close(writer)


def test_one_bad_directory_troubles_no_other(scanning: Scanning) -> None:
    plain = add(scanning.scanned, "plain control")
    (plain / "supervise").mkdir()
    (plain / "supervise/control").write_text("d")
    add(scanning.scanned, "supervise is a file").joinpath("supervise").touch()
    add(scanning.scanned, "down loops").joinpath("down").symlink_to("down")
    status = add(scanning.scanned, "status is a directory")
    (status / "supervise/status.new").mkdir(parents=True)
    fifo = add(scanning.scanned, "status is a fifo")
    (fifo / "supervise").mkdir()
    os.mkfifo(fifo / "supervise/status.new")
    add(scanning.scanned, "run is a directory", None).joinpath("run").mkdir()
    add(scanning.scanned, "no run", None)
    add(scanning.scanned, "log is a file").joinpath("log").touch()
    (add(scanning.scanned, "not executable") / "run").chmod(0o644)
    (add(scanning.scanned, "no interpreter") / "run").write_text("#!/nowhere\n")
    add(scanning.scanned, "good", log=LOGGER)
    scanning.start(IN_PROCESS)
    good, _ = scanning.wait_up("good", "good/log")
    expected = {
        b"supervise: fatal: plain control/supervise/control is not a fifo",
        b"supervise: fatal: unable to acquire supervise is a file/supervise/lock: not a directory",
        b"supervise: fatal: unable to stat down loops/down: symbolic link loop",
        b"supervise: warning: unable to open status is a directory/supervise/status.new: is a directory",
        b"supervise: warning: unable to open status is a fifo/supervise/status.new: is not a regular file",
        b"supervise: fatal: unable to start run is a directory/run: access denied",
        b"supervise: fatal: unable to start no run/run: file does not exist",
        b"supervise: fatal: unable to chdir to log: not a directory",
        b"supervise: fatal: unable to start not executable/run: access denied",
        b"supervise: fatal: unable to start no interpreter/run: file does not exist",
    }
    wait_for(lambda: expected <= set(scanning.lines()), "all complaints")
    assert set(scanning.lines()) == expected
    shutil.rmtree(scanning.scanned / "no run")
    scanning.control("-t", "good")
    scanning.wait_new("good", good)


# A scanner that has loaded all it needs before it becomes another user, who may have no process more.
LIMITED = """
import os, sys, ucspi.service.startinprocess, ucspi.service.superviseall, ucspi.unix.rlimits
from resource import RLIMIT_NPROC, setrlimit
from ucspi.programs.svscan import main
os.setgid(54321)
os.setuid(54321)
setrlimit(RLIMIT_NPROC, (1, 1))
sys.argv[0:1] = ["svscan", "--in-process"]
main()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user with no process")
def test_no_more_processes_is_a_warning_and_a_rest(oracle: Oracle) -> None:
    oracle("svstat")
    with TemporaryDirectory() as name:  # all above it may be entered by every user
        Path(name).chmod(0o755)
        with Scanning(Path(name)) as scanning:
            for service in ("a", "b"):
                os.chown(add(scanning.scanned, service), 54321, 54321)
            scanning.start([sys.executable, "-c", LIMITED])
            text = b"supervise: warning: unable to fork for %s, sleeping 60 seconds: temporary failure"
            no_thread = b"svscan: warning: unable to start a thread: temporary failure"
            wait_for(
                lambda: sorted(set(scanning.lines()) - {no_thread}) == [text % b"a", text % b"b"],
                "both warnings",
            )
            said = " ".join(scanning.stat("a", "b"))
            assert re.fullmatch(
                "a: down . seconds, normally up, want up b: down . seconds, normally up, want up", said
            )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a directory read-only")
def test_read_only_disk_is_complained_of_as_by_the_original(scanning: Scanning, oracle: Oracle) -> None:
    for name in ("never supervised", "supervised once"):
        add(scanning.scanned, name, log=LOGGER)
    for place in ("", "log/"):
        (scanning.scanned / "supervised once" / place / "supervise").mkdir()
        (scanning.scanned / "supervised once" / place / "supervise/lock").touch()
    read_only = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    said = []
    for command in ([oracle("svscan")], IN_PROCESS):
        before = len(scanning.lines())
        scanning.start(["unshare", "--mount", "sh", "-c", read_only, str(scanning.scanned), *command])
        wait_for(lambda before=before: len(scanning.lines()) >= before + 4, "all complaints")  # type: ignore[misc]
        scanning.kill()
        said.append(sorted(scanning.lines()[before : before + 4]))
    assert said[0] == said[1]
    assert [line.rpartition(b": ")[2] for line in said[0]].count(b"read-only file system") == 2


@pytest.mark.slow
def test_too_few_descriptors_stop_no_service_that_runs(scanning: Scanning) -> None:
    names = [str(number) for number in range(12)]
    for name in names:
        add(scanning.scanned, name)
    limit = 40
    scanning.start(IN_PROCESS, before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
    wait_for(lambda: len(scanning.lines()) > 1, "a complaint")
    wait_for(lambda: sum(map(scanning.is_up, names)) >= 3, "as many services as there can be")
    assert {line.rpartition(b": ")[2] for line in scanning.lines()} == {b"process cannot open more files"}
    up = [name for name in names if scanning.is_up(name)]
    assert len(up) < len(names)
    pid = scanning.pid(up[0])
    scanning.control("-t", up[0])
    new = scanning.wait_new(up[0], pid)
    assert (scanning.scanned / up[0] / "supervise/birth").read_bytes().split()[3] == b"%d" % new


def test_services_keep_the_soft_limit_of_descriptors(scanning: Scanning) -> None:
    for number in range(8):
        add(scanning.scanned, str(number))
    scanning.start(IN_PROCESS, before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (20, 1000)))
    for pid in scanning.wait_up(*map(str, range(8))):
        assert resource.prlimit(pid, resource.RLIMIT_NOFILE) == (20, 1000)


@pytest.mark.slow  # the next scan finds it
@pytest.mark.skipif(not os.access("/dev/fuse", os.W_OK), reason="only root can mount a disk that hangs")
def test_link_to_a_disk_that_hangs_holds_up_no_service(scanning: Scanning, tmp_path: Path) -> None:
    add(scanning.scanned, "a")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["unshare", "--mount", sys.executable, "-c", HUNG, str(disk)]
    scanner = scanning.start([*mount, *IN_PROCESS])
    [pid] = scanning.wait_up("a")
    (scanning.scanned / "link").symlink_to(disk / "service")

    def is_hanging() -> bool:
        tasks = Path(f"/proc/{scanner.pid}/task").glob("*/wchan")
        return any(task.read_text().startswith("fuse_") for task in tasks)

    wait_for(is_hanging, "a scan that hangs")
    scanning.control("-t", "a")
    scanning.wait_new("a", pid)
    assert is_hanging()
