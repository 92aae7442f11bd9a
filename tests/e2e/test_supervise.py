"""supervise on bad days: killed, without a disk, without its directory."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import repeat
from pathlib import Path
from random import Random

import pytest

from tests.support.commands import ENVIRONMENT, ours, run, signals
from tests.support.launchers import is_launched
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE, remove, wait_for
from tests.support.supervised import PLAIN, Service, is_in, processes_in
from ucspi.service import birthrecord

pytestmark = pytest.mark.sampled(3)

Make = Callable[..., Service]

MINE = ours("supervise")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Give a function that makes a service; its processes are gone in the end."""
    made: list[Service] = []

    def one(name: str = "x", run: str | None = PLAIN, *, down: bool = False) -> Service:
        made.append(Service(tmp_path / name, run, down=down))
        return made[-1]

    yield one
    for service in made:
        service.close()
        for pid in processes_in(service.directory):
            with suppress(ProcessLookupError):  # it may be ending
                os.kill(pid, signal.SIGKILL)


def kill(service: Service) -> None:
    """Kill the supervise as nobody should."""
    assert service.supervise
    service.supervise.kill()
    service.supervise.wait(PATIENCE)


def taken_over(service: Service, pid: int) -> bytes:
    return b"supervise: warning: taking over %s, which runs as process %d\n" % (bytes(service.directory), pid)


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with pytest.raises(OSError, match="No space"), open(path, "wb", 0) as file:
        file.writelines(repeat(b"x" * 1024))


class TestKilled:
    """By SIGKILL; the service goes on, and somebody starts supervise again."""

    def test_killed_supervise_is_succeeded_without_a_second_copy(self, make: Make) -> None:
        service = make().start(MINE)
        pid = service.wait_up()
        before = service.status()
        for count in (1, 2):
            kill(service)
            assert is_in(pid, service.directory)
            service.start(MINE)
            assert service.said() == count * taken_over(service, pid)
            assert service.status() == before, "its time, too"
            assert service.starts() == 1
        assert processes_in(service.directory) == [pid]

    @pytest.mark.slow
    def test_what_was_taken_over_is_signalled_and_started_again(self, make: Make) -> None:
        service = make().start(MINE)
        first = service.wait_up()
        kill(service)
        service.start(MINE)
        service.send(b"p")
        service.wait_for_state(up=True, tail=b"\1u")
        wait_for(lambda: b"T (stopped)" in Path(f"/proc/{first}/status").read_bytes(), "it is stopped")
        service.send(b"d")
        service.wait_for_state(up=False, tail=b"\0d")
        assert not is_in(first, service.directory)
        service.send(b"u")
        assert service.wait_up(starts=2) != first
        service.send(b"dx")
        assert service.wait_left() == 0

    def test_end_of_what_was_taken_over_is_an_end_like_any_other(self, make: Make) -> None:
        service = make().start(MINE)
        first = service.wait_up()
        kill(service)
        service.start(MINE)
        os.kill(first, signal.SIGKILL)
        second = service.wait_up(starts=2)
        assert second != first
        assert processes_in(service.directory) == [second]

    @pytest.mark.slow
    @pytest.mark.parametrize(("letters", "tail"), [(b"o", b"\0\0"), (b"p", b"\1u"), (b"op", b"\1\0")])
    def test_successor_wants_what_was_wanted(self, make: Make, letters: bytes, tail: bytes) -> None:
        service = make().start(MINE)
        service.wait_up()
        service.send(letters)
        service.wait_for_state(up=True, tail=tail)
        kill(service)
        service.start(MINE)
        service.wait_for_state(up=True, tail=tail)
        service.send(b"ck")
        if b"o" in letters:
            service.wait_for_state(up=False, tail=b"\0\0")
        else:
            service.wait_up(starts=2)

    def test_process_that_ended_meanwhile_is_started_again(self, make: Make) -> None:
        service = make().start(MINE)
        first = service.wait_up()
        kill(service)
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: not is_in(first, service.directory), "it ends")
        service.start(MINE)
        assert service.wait_up(starts=2) != first
        assert service.said() == b""

    def test_copy_of_the_directory_does_not_take_over_what_runs_in_it(self, make: Make) -> None:
        service = make().start(MINE)
        first = service.wait_up()
        copy = make("copy")
        shutil.rmtree(copy.directory)
        subprocess.run(["cp", "-a", service.directory, copy.directory], check=True)
        copy.start(MINE)
        assert copy.wait_up(starts=2) != first
        assert copy.said() == b""
        assert service.pid() == first

    def test_pid_that_went_to_a_stranger_is_left_alone(self, make: Make) -> None:
        """Everything fits but the start time: ours is gone, and another has its pid."""
        service = make().start(MINE)
        first = service.wait_up()
        kill(service)
        path = service.directory / "supervise" / "birth"
        line = path.read_bytes()
        start = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        path.write_bytes(line[: birthrecord.SIZE - 42] + b"%-20d %-20d\n" % (os.getpid(), start + 1))
        service.start(MINE)
        assert service.wait_up(starts=2) not in (first, os.getpid())
        assert service.said() == b""

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can signal what others cannot")
    @pytest.mark.parametrize("owned", ["supervise", "supervise/birth"])
    def test_owner_of_the_files_cannot_make_root_signal_a_stranger(self, make: Make, owned: str) -> None:
        """Who may control a service and no more: all that is in a birth can be read in ``/proc``."""
        service = make().start(MINE)
        first = service.wait_up()
        kill(service)
        stranger = subprocess.Popen(["sleep", "1000"])
        try:
            path = service.directory / "supervise" / "birth"
            line = path.read_bytes()[: birthrecord.SIZE - 42]
            start = Path(f"/proc/{stranger.pid}/stat").read_text().rpartition(")")[2].split()[19]
            path.write_bytes(line + b"%-20d %-20d\n" % (stranger.pid, int(start)))
            os.chown(service.directory / owned, 65534, -1)
            service.start(MINE)
            assert service.wait_up(starts=2) not in (first, stranger.pid)
            assert service.said() == b""
        finally:
            stranger.kill()
            stranger.wait()

    def test_after_an_original_it_is_as_with_the_original(self, make: Make, oracle: Oracle) -> None:
        """Nothing tells which process is the service's: a second one is started."""
        service = make().start([oracle("supervise")])
        first = service.wait_up()
        kill(service)
        service.start(MINE)
        assert service.wait_up(starts=2) != first
        assert service.said() == b""

    @pytest.mark.slow
    def test_never_two_copies_whenever_it_is_killed(self, make: Make) -> None:
        """About the time when a supervise starts its service for the first time."""
        random = Random(1)
        taken = started = 0
        began = time.monotonic()
        make("first").start(MINE).wait_up()
        usual = time.monotonic() - began
        for number in range(60):
            service = make(str(number))
            service.supervise = subprocess.Popen(
                [*MINE, service.directory], env=ENVIRONMENT, stderr=subprocess.DEVNULL
            )
            time.sleep(random.uniform(0, 1.5 * usual))
            kill(service)
            for _ in range(50):  # the lock is held until a child has executed
                service.start(MINE)
                if service.is_running():
                    break
            pid = service.wait_up()
            assert processes_in(service.directory) == [pid]
            assert service.starts() == 1
            taken += taken_over(service, pid) in service.said()
            started += service.said() == b""
            service.close()
        assert taken > 5, "it was killed late enough"
        assert started > 5, "it was killed early enough"


class TestDirectory:
    """What a supervise works in goes away under it."""

    @pytest.mark.slow
    def test_supervision_goes_on_without_its_files(self, make: Make) -> None:
        service = make().start(MINE)
        first = service.wait_up()
        remove(service.directory / "supervise")
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: service.starts() == 2, "it is started again")
        name = bytes(service.directory)
        warning = b"supervise: warning: unable to open %s/supervise/status.new: file does not exist\n" % name
        wait_for(lambda: service.said() == warning, "it warns once of a restart, which is one status")

    @pytest.mark.slow
    def test_directory_that_is_made_anew_has_a_service_of_its_own(self, make: Make, tmp_path: Path) -> None:
        old = make("old").start(MINE)
        first = old.wait_up()
        old.directory.rename(tmp_path / "gone")
        remove(tmp_path / "gone")
        new = make("old").start(MINE)
        second = new.wait_up()
        assert second != first
        os.kill(first, signal.SIGKILL)
        gone = b"supervise: fatal: unable to start %s/run: file does not exist\n" % bytes(old.directory)
        wait_for(lambda: gone in old.said(), "the old one goes on trying, in what was its directory")
        assert new.pid() == second
        assert old.supervise
        old.supervise.kill()

    @pytest.mark.slow
    def test_full_disk_is_told_and_does_not_stop_the_service(self, able: None, make: Make) -> None:
        service = make()
        inside = f"""
            mount -t tmpfs -o size=64k tmpfs {service.directory} && cd {service.directory} &&
            printf '{PLAIN.replace("starts", "/dev/null")}' > run && chmod 755 run && exec "$@" """
        command = ["unshare", "--mount", "sh", "-c", inside, "sh", *MINE, str(service.directory)]
        with open(service.directory.with_suffix(".err"), "wb") as err:
            service.supervise = subprocess.Popen(command, env=ENVIRONMENT, stderr=err)
        seen = Path(f"/proc/{service.supervise.pid}/root{service.directory}")
        status = seen / "supervise" / "status"
        wait_for(lambda: status.exists() and status.read_bytes()[12:16] != bytes(4), "up")
        pid = int.from_bytes(status.read_bytes()[12:16], "little")
        fill(seen / "filler")
        wait_for(lambda: b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes(), "it runs")
        os.kill(pid, signal.SIGKILL)
        warning = b"supervise: warning: unable to write %s/supervise/status.new: out of disk space\n"
        warning %= bytes(service.directory)
        wait_for(lambda: warning in service.said(), "it warns of a restart, which is one status")
        (seen / "filler").unlink()
        with open(seen / "supervise" / "control", "wb", 0) as control:
            control.write(b"dx")
        assert service.wait_left() == 0
        assert set(service.said().splitlines(True)) == {warning}

    def test_read_only_disk_is_told_in_the_original_s_words(
        self, able: None, tmp_path: Path, oracle: Oracle
    ) -> None:
        (tmp_path / "x").mkdir()
        inside = 'mount -t tmpfs tmpfs x && mkdir x/supervise && mount -o remount,ro x && exec "$@"'
        outcomes = [
            run(["unshare", "--mount", "sh", "-c", inside, "sh", *command, "x"], tmp_path)
            for command in (MINE, [oracle("supervise")])
        ]
        assert outcomes[0] == outcomes[1]
        complaint = b"supervise: fatal: unable to acquire x/supervise/lock: read-only file system\n"
        assert outcomes[0] == (111, b"", complaint)


class TestSurroundings:
    """What supervise was started with."""

    @pytest.mark.slow
    def test_full_fifo_is_worked_off(self, make: Make) -> None:
        service = make().start(MINE)
        fifo = os.open(service.directory / "supervise" / "control", os.O_RDWR | os.O_NONBLOCK)
        assert os.write(fifo, b"Z" * 65535 + b"d") == 65536
        os.close(fifo)
        service.wait_for_state(up=False, tail=b"\0d")

    def test_closed_descriptors_become_the_null_device(self, make: Make) -> None:
        service = make(run="#!/bin/sh\nls -l /proc/self/fd | grep -c null > nulls\nexec sleep 1000\n")
        service.start(["sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh", *MINE])
        assert service.wait_for_file("nulls") == b"2\n"  # 1 is the file
        assert (service.directory / "supervise" / "lock").read_bytes() == b""

    @pytest.mark.parametrize("ignored", [False, True])
    def test_service_ignores_what_supervise_was_given_ignored(self, make: Make, ignored: bool) -> None:
        service = make(run="#!/bin/sh\ngrep SigIgn /proc/self/status > ignored\nexec sleep 1000\n")
        before = 'trap "" PIPE XFSZ HUP; ' if ignored else ""
        service.start(["sh", "-c", before + 'exec "$@"', "sh", *MINE])
        mask = signals(service.wait_for_file("ignored").split()[1])
        given = [signal.SIGHUP, *([signal.SIGPIPE, signal.SIGXFSZ] if is_launched() else [])]
        assert mask == (sum(1 << number - 1 for number in given) if ignored else 0)

    @pytest.mark.slow
    def test_warning_that_nobody_reads_does_no_harm(self, make: Make) -> None:
        reader, writer = os.pipe()
        service = make()
        service.start(MINE, stderr=writer)
        os.close(reader)
        os.close(writer)
        first = service.wait_up()
        (service.directory / "supervise" / "status.new").mkdir()
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: service.starts() == 2, "it is started again")
        assert service.supervise
        service.supervise.send_signal(signal.SIGPIPE)
        (service.directory / "supervise" / "status.new").rmdir()
        service.send(b"dx")
        assert service.wait_left() == 0
