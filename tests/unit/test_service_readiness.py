"""What counts as word from a service that it is ready, and from whom."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE, wait_for
from ucspi.service import deathtally
from ucspi.service.groupend import GroupEnd
from ucspi.service.notifysocket import MOST, NotifySocket, belongs
from ucspi.unix import tai


class Loop:
    """Timers that are called by hand."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def after(self, seconds: float, call: object) -> None:
        self.calls.append(call)

    def turn(self) -> None:
        calls, self.calls = self.calls, []
        for call in calls:
            call()  # type: ignore[operator]  # they are functions


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    number = os.open(tmp_path, os.O_PATH)
    yield number
    os.close(number)


@pytest.fixture
def notify(folder: int) -> Iterator[NotifySocket]:
    made = NotifySocket(folder)
    yield made
    made.close()


def send(path: Path, *texts: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        for text in texts:
            sender.sendto(text, str(path / "notify"))


class TestNotifySocket:
    def test_lines_of_the_service_are_heard(self, tmp_path: Path, notify: NotifySocket) -> None:
        send(tmp_path, b"STATUS=x\nREADY=1", b"STOPPING=1", b"", b"\xff\n\n")
        lines = list(notify.states(os.getpid(), is_leader=False))
        assert lines == [b"STATUS=x", b"READY=1", b"STOPPING=1", b"", b"\xff", b"", b""]
        assert list(notify.states(os.getpid(), is_leader=False)) == []

    def test_strangers_are_not(self, tmp_path: Path, notify: NotifySocket) -> None:
        send(tmp_path, b"READY=1")
        assert list(notify.states(1, is_leader=False)) == [b"READY=1"], "everybody is below the first process"
        with subprocess.Popen(["sleep", "1000"]) as other:
            for leader in (other.pid, 0, -1, 2**22 + 7):
                send(tmp_path, b"READY=1")
                assert list(notify.states(leader, is_leader=False)) == []
            other.kill()

    def test_flood_is_heard_in_parts(self, tmp_path: Path, notify: NotifySocket) -> None:
        sent = 0
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            try:
                while sent < 10_000:
                    sender.sendto(b"READY=1", str(tmp_path / "notify"))
                    sent += 1
            except BlockingIOError:
                pass
        assert len(list(notify.states(os.getpid(), is_leader=False))) == min(sent, MOST)

    def test_too_long_a_message_is_cut(self, tmp_path: Path, notify: NotifySocket) -> None:
        send(tmp_path, b"READY=1\n" + b"x" * 20_000)
        first, rest = notify.states(os.getpid(), is_leader=False)
        assert first == b"READY=1"
        assert len(rest) == 4096 - 8

    def test_old_one_is_replaced_and_everybody_may_write(self, tmp_path: Path, folder: int) -> None:
        (tmp_path / "notify").write_text("old")
        NotifySocket(folder).close()
        assert (tmp_path / "notify").stat().st_mode & 0o777 == 0o666

    def test_directory_in_its_place_is_an_error(self, tmp_path: Path, folder: int) -> None:
        (tmp_path / "notify").mkdir()
        with pytest.raises(OSError, match=r"directory|permitted"):
            NotifySocket(folder)


def test_whose_process_it_is() -> None:
    with subprocess.Popen(
        ["sh", "-c", "sleep 1000 & echo $!; wait"], stdout=subprocess.PIPE, text=True
    ) as shell:
        assert shell.stdout
        below = int(shell.stdout.readline())
        assert belongs(below, shell.pid, is_leader=False)
        assert belongs(shell.pid, shell.pid, is_leader=False)
        assert not belongs(os.getpid(), shell.pid, is_leader=False)
        os.kill(below, 9)
        shell.wait(PATIENCE)
        assert not belongs(below, shell.pid, is_leader=False)
    assert not belongs(0, os.getpid(), is_leader=True), "somebody in another namespace"


class TestGroupEnd:
    def test_group_without_members_is_over_at_once(self) -> None:
        loop = Loop()
        leader = subprocess.Popen(["true"], start_new_session=True)
        leader.wait(PATIENCE)
        end = GroupEnd(loop, leader.pid, 15, 1.0, lambda: pytest.fail("called"))  # type: ignore[arg-type]
        assert end.is_over
        assert loop.calls == []

    @pytest.mark.parametrize("trap", ["true", "trap '' TERM"])
    def test_rest_gets_its_signal_and_then_is_killed(self, trap: str) -> None:
        loop, over = Loop(), [0]
        script = f"({trap}; echo ready; while :; do sleep 0.1; done) & exit 0"
        leader = subprocess.Popen(["sh", "-c", script], start_new_session=True, stdout=subprocess.PIPE)
        assert leader.stdout
        assert leader.stdout.readline() == b"ready\n"
        leader.wait(PATIENCE)
        end = GroupEnd(loop, leader.pid, 15, 0.2, lambda: over.append(1))  # type: ignore[arg-type]
        assert not end.is_over

        def is_over() -> bool:
            time.sleep(0.05)  # as often as it would be called
            loop.turn()
            return end.is_over

        wait_for(is_over, "the rest is gone")
        assert over == [0, 1]
        assert leader.stdout.read() == b"", "nobody has the pipe any more"
        leader.stdout.close()


class TestTally:
    def test_entries(self) -> None:
        """Seen from s6-supervise: killed by SIGHUP, and exit code 7."""
        stamp = tai.pack(1_000_000_000 * 10**9)
        assert deathtally.pack(stamp, 256, 1)[12:] == b"\x81\x01"
        assert deathtally.pack(stamp, 7, 0)[12:] == b"\7\0"
        assert int.from_bytes(deathtally.pack(stamp, 7, 0)[:8]) == 2**62 + 37 + 1_000_000_000

    @pytest.mark.parametrize("damage", [b"", b"x" * 13, b"x" * 15, b"x" * 100_000])
    def test_damage_is_cut_off(self, tmp_path: Path, folder: int, damage: bytes) -> None:
        (tmp_path / "death_tally").write_bytes(damage)
        said: list[bytes] = []
        deathtally.add(folder, b"e" * 14, 100, said.append)
        tally = (tmp_path / "death_tally").read_bytes()
        assert len(tally) % 14 == 0
        assert len(tally) <= 1400
        assert tally.endswith(b"e" * 14)
        assert said == []

    def test_what_cannot_be_written_is_a_line(self, tmp_path: Path, folder: int) -> None:
        (tmp_path / "death_tally").symlink_to("/etc/passwd")
        said: list[bytes] = []
        deathtally.add(folder, b"e" * 14, 100, said.append)
        assert said == [b"death_tally: symbolic link loop"]
        assert not (tmp_path / "death_tally.new").exists()
