"""Optional files with the names of s6: ours does what s6-supervise does.

Debian's s6 is 2.11.  It gives ``finish`` three arguments and has no
``flag-timeout-killpg``; there the documentation of later versions judges.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.differential.supervise.conftest import Make
from tests.support.commands import ours, run
from tests.support.patience import wait_for
from tests.support.peers import Peer, fill, lines_of, peer, wait_lines
from tests.support.supervised import Service
from ucspi.programs import svstat

pytestmark = pytest.mark.sampled(12)

SLEEPING = "#!/bin/sh\necho $$ >> starts\nexec sleep 1000\n"
STUBBORN = "#!/bin/sh\ntrap '' TERM\necho $$ >> starts\nwhile :; do sleep 0.1; done\n"
FINISH = '#!/bin/sh\necho "$@" >> ends\n'
CATCHING = """#!/usr/bin/env python3
import signal
def note(number, frame):
    with open("caught", "a") as file:
        file.write(f"{number}\\n")
for number in {1, 2, 3, 6, 10, 12, 14, 15, 28}:
    signal.signal(number, note)
with open("starts", "a") as file:
    file.write("started\\n")
while True:
    signal.pause()
"""

Both = Callable[..., tuple[Service, Peer]]


@pytest.fixture
def both(make: Make, mine: list[str], tmp_path: Path) -> Iterator[Both]:
    """Give a function that makes two services from the same files: one under ours, one under s6-supervise."""
    peers: list[Peer] = []

    def pair(text: str, **files: str) -> tuple[Service, Peer]:
        named = {name.replace("_", "-"): value for name, value in files.items()}
        one = make("mine/x", text)
        fill(one.directory, named)
        peers.append(Peer(tmp_path / "theirs/x", text, named).start("s6-supervise"))
        return one.start(mine), peers[-1]

    yield pair
    for one in peers:
        one.close()


def stat(service: Service) -> bytes:
    """Return what svstat says."""
    return svstat.describe(bytes(service.directory))


def tell(two: tuple[Service, Peer], letter: str) -> None:
    """Send a letter to both."""
    two[0].send(letter.encode())
    assert run([peer("s6-svc"), f"-{letter}", "."], two[1].directory)[0] == 0


def wait_both(two: tuple[Service, Peer], name: str, count: int = 1) -> tuple[list[str], list[str]]:
    return wait_lines(two[0].directory / name, count), wait_lines(two[1].directory / name, count)


class TestFinish:
    """``finish CODE SIGNAL NAME PGID``."""

    @pytest.mark.parametrize("end", ["exit 0", "exit 7", "exit 125", "exit 255", "kill -KILL $$", "kill $$"])
    def test_arguments(self, both: Both, end: str) -> None:
        two = both(f"#!/bin/sh\necho $$ >> starts\n{end}\n", finish=FINISH)
        mine, theirs = wait_both(two, "ends")
        code, signal, name, group = mine[0].split()
        assert [code, signal] == theirs[0].split()[:2]
        assert name == str(two[0].directory)
        assert theirs[0].split()[2] == "x", "the name as it was given"
        assert group == lines_of(two[0].directory / "starts")[0]

    def test_run_leads_a_session_so_its_group_is_its_own(self, both: Both) -> None:
        two = both(SLEEPING, finish=FINISH)
        for starts in wait_both(two, "starts"):
            pid = int(starts[0])
            assert (os.getsid(pid), os.getpgid(pid)) == (pid, pid)

    def test_125_is_failure_for_good(self, both: Both) -> None:
        two = both("#!/bin/sh\necho started >> starts\nexit 3\n", finish=f"{FINISH}exit 125\n")
        wait_both(two, "ends")
        wait_for(lambda: b"failed" in stat(two[0]), "it has failed")
        assert b", failed" in stat(two[0])
        assert two[0].starts() == 1
        assert two[0].known().want == 0, "as after svc -o"
        time.sleep(1.2)  # what should not happen has the time to
        assert (two[0].starts(), len(two[1].lines("starts"))) == (1, 1)
        tell(two, "u")
        wait_both(two, "starts", 2)

    def test_other_codes_are_not(self, both: Both) -> None:
        two = both("#!/bin/sh\necho started >> starts\nexit 125\n", finish=f"{FINISH}exit 124\n")
        wait_both(two, "starts", 2)

    def test_it_is_killed_after_its_time(self, both: Both) -> None:
        """And the service starts again; down, and up, wait for it."""
        two = both(
            "#!/bin/sh\necho started >> starts\nexit 0\n",
            finish="#!/bin/sh\necho $$ >> ends\nexec sleep 1000\n",
            timeout_finish="300",
        )
        wait_both(two, "starts", 2)
        assert stat(two[0]).count(b"failed") == 0

    @pytest.mark.slow
    def test_letters_while_it_runs(self, both: Both) -> None:
        """Down: it does not start again.  Up: it starts, but only when ``finish`` has ended."""
        waiting = "#!/bin/sh\necho $$ >> ends\nwhile ! test -e go; do sleep 0.05; done\n"
        two = both(SLEEPING, finish=waiting, timeout_finish="0")
        wait_both(two, "starts")
        tell(two, "t")
        wait_both(two, "ends")
        tell(two, "d")
        wait_for(two[0].has_heard, "it is read")
        tell(two, "u")
        wait_for(two[0].has_heard, "it is read")
        assert (two[0].starts(), len(two[1].lines("starts"))) == (1, 1)
        for one in two:
            (one.directory / "go").touch()
        wait_both(two, "starts", 2)

    def test_without_the_bit_it_is_not_run(self, both: Both) -> None:
        two = both("#!/bin/sh\necho started >> starts\nexit 3\n", finish="no script\n")
        wait_both(two, "starts", 2)
        directory = bytes(two[0].directory)
        assert two[0].said() == b"supervise: warning: %s/finish: not executable; it is not run\n" % directory


class TestStop:
    """``down-signal`` and ``timeout-kill``."""

    @pytest.mark.parametrize("value", ["HUP", "SIGUSR1", "sigint", "winch", "12", "15", "SIGABRT\n"])
    def test_down_signal(self, both: Both, value: str) -> None:
        two = both(CATCHING, down_signal=value)
        wait_both(two, "starts")
        tell(two, "d")
        mine, theirs = wait_both(two, "caught")
        assert mine == theirs

    def test_t_is_term_all_the_same(self, both: Both) -> None:
        two = both(CATCHING, down_signal="HUP")
        wait_both(two, "starts")
        tell(two, "t")
        assert wait_both(two, "caught") == (["15"], ["15"])

    @pytest.mark.parametrize("value", ["nonsense", " QUIT", "", "SIG_DFL", "-1", "\N{SNOWMAN}"])
    def test_garbage_is_a_line_and_the_default(self, both: Both, value: str) -> None:
        two = both(CATCHING, down_signal=value)
        wait_both(two, "starts")
        tell(two, "d")
        assert wait_both(two, "caught") == (["15"], ["15"])
        said = two[0].said()
        assert said.startswith(b"supervise: warning: %s/down-signal: unusable " % bytes(two[0].directory))
        assert said.endswith(b"; SIGTERM is used\n")
        assert said.count(b"\n") == 1

    @pytest.mark.parametrize("value", ["0", "65", "9" * 99])
    def test_number_of_no_signal_is_a_line_and_the_default(self, make: Make, value: str) -> None:
        """s6 takes it, and sends nothing."""
        service = make("x", CATCHING)
        fill(service.directory, {"down-signal": value})
        service.start(ours("supervise")).wait_up()
        service.send(b"d")
        assert wait_lines(service.directory / "caught") == ["15"]
        assert b"/down-signal: unusable value" in service.said()

    def test_stubborn_service_is_killed_after_its_time(self, both: Both) -> None:
        two = both(STUBBORN, timeout_kill="200", finish=FINISH)
        wait_both(two, "starts")
        tell(two, "d")
        for ends in wait_both(two, "ends"):
            assert ends[0].split()[:2] == ["256", "9"]

    def test_without_the_file_it_is_not(self, both: Both) -> None:
        two = both(STUBBORN, finish=FINISH)
        wait_both(two, "starts")
        tell(two, "d")
        wait_for(two[0].has_heard, "it is read")
        time.sleep(0.5)
        assert (lines_of(two[0].directory / "ends"), two[1].lines("ends")) == ([], [])
        tell(two, "k")
        wait_both(two, "ends")

    @pytest.mark.slow
    def test_who_is_wanted_up_again_in_time_lives(self, make: Make, mine: list[str]) -> None:
        service = make("x", STUBBORN)
        fill(service.directory, {"timeout-kill": "600"})
        service.start(mine)
        pid = service.wait_up()
        service.send(b"du")
        wait_for(service.has_heard, "it is read")
        time.sleep(0.9)
        assert service.pid() == pid

    def test_file_is_read_when_it_is_needed(self, both: Both) -> None:
        """It came after the start, in a directory with another file."""
        two = both(CATCHING, timeout_kill="0")
        wait_both(two, "starts")
        for one in two:
            (one.directory / "down-signal").write_text("USR2")
        tell(two, "d")
        assert wait_both(two, "caught") == (["12"], ["12"])


class TestTally:
    """``supervise/death_tally``, for the real s6-svdt and s6-permafailon."""

    def test_s6_svdt_reads_it(self, both: Both) -> None:
        two = both(
            "#!/bin/sh\necho >> starts\ntest -e second && kill -USR1 $$\n>second\nexit 7\n", finish=FINISH
        )
        wait_both(two, "ends", 2)
        told = [run([peer("s6-svdt"), "."], one.directory)[1].decode() for one in two]
        reasons = [re.findall(r"@[0-9a-f]{24} (.*)", text)[:2] for text in told]
        assert reasons[0] == reasons[1] == ["exitcode 7", "signal SIGUSR1"]
        stamps = [int(text[1:17], 16) for text in told]
        assert abs(stamps[0] - stamps[1]) <= 3, "leap seconds are counted as s6 counts them"

    @pytest.mark.parametrize("most", [0, 1, 3])
    def test_the_last_are_kept(self, make: Make, mine: list[str], most: int) -> None:
        service = make("x", "#!/bin/sh\necho started >> starts\nexit 4\n")
        fill(service.directory, {"max-death-tally": f"{most}\n"})
        old = b"@" + bytes(11) + b"\5\0"
        (service.directory / "supervise").mkdir(mode=0o700)
        (service.directory / "supervise" / "death_tally").write_bytes(5 * old + b"cut")
        service.start(mine)
        wait_for(lambda: service.starts() == 2, "it ends once")
        tally = (service.directory / "supervise" / "death_tally").read_bytes()
        assert len(tally) == 14 * most
        assert tally[-2:] == (b"\4\0" if most else b"")
        assert tally[:-14] == old * max(0, most - 1)

    def test_s6_permafailon_gives_up_on_what_it_finds(self, both: Both) -> None:
        finish = f"#!/bin/sh\necho ended >> ends\nexec {peer('s6-permafailon')} 60 2 1,3,SIGKILL true\n"
        two = both("#!/bin/sh\necho started >> starts\nexit 3\n", finish=finish)
        wait_both(two, "ends", 2)
        wait_for(lambda: b"failed" in stat(two[0]), "it has failed")
        time.sleep(1.2)
        assert (two[0].starts(), len(two[1].lines("starts"))) == (2, 2)

    @pytest.mark.slow
    def test_s6_permafailon_does_not_give_up_on_others(self, both: Both) -> None:
        finish = f"#!/bin/sh\necho ended >> ends\nexec {peer('s6-permafailon')} 60 1 4-9,SIGKILL true\n"
        two = both("#!/bin/sh\necho started >> starts\nexit 3\n", finish=finish)
        wait_both(two, "starts", 3)


class TestReady:
    """``notification-fd``."""

    @pytest.mark.parametrize("number", [3, 7, 42])
    def test_newline_means_ready(self, both: Both, number: int) -> None:
        """Not before; and then the pipe is closed."""
        text = f"""#!/usr/bin/env python3
import os, signal, time
open("starts", "a").write("started\\n")
os.write({number}, b"nearly")
while not os.path.exists("go"): time.sleep(0.02)
os.write({number}, b" there\\n")
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
while True:
    try:
        os.write({number}, b"more")
    except BrokenPipeError:
        break
    time.sleep(0.02)
open("closed", "a").write("closed\\n")
while True: signal.pause()
"""
        two = both(text, notification_fd=f"{number}\n")
        wait_both(two, "starts")
        assert not two[0].known().is_ready
        assert run([peer("s6-svstat"), "-o", "ready", "."], two[1].directory)[1] == b"false\n"
        for one in two:
            (one.directory / "go").touch()
        wait_both(two, "closed")
        wait_for(lambda: two[0].known().is_ready, "it is ready")
        assert run([peer("s6-svstat"), "-o", "ready", "."], two[1].directory)[1] == b"true\n"
        assert re.search(rb"^up \(pid \d+\) \d+ seconds, ready \d+ seconds$", stat(two[0]))

    def test_pipe_that_ends_without_a_newline_says_nothing(self, both: Both) -> None:
        two = both(
            "#!/bin/sh\nprintf x >&3\nexec 3>&-\necho started >> starts\nexec sleep 1000\n",
            notification_fd="3",
        )
        wait_both(two, "starts")
        wait_for(lambda: two[0].known().details is not None, "it is up")
        time.sleep(0.3)
        assert not two[0].known().is_ready
        assert run([peer("s6-svstat"), "-o", "ready", "."], two[1].directory)[1] == b"false\n"

    @pytest.mark.parametrize("value", ["0", "1", "2", "99999999", "1048577", "three", "-3", "3 4", ""])
    def test_unusable_number_is_a_line_and_none(self, make: Make, mine: list[str], value: str) -> None:
        """s6 puts the pipe on 0, 1 or 2, too; here these stay what they are."""
        service = make("x", "#!/bin/sh\nls /proc/self/fd > fds\necho started >> starts\nexec sleep 1000\n")
        fill(service.directory, {"notification-fd": value})
        service.start(mine)
        service.wait_up()
        assert service.said().startswith(
            b"supervise: warning: %s/notification-fd: unusable value " % bytes(service.directory)
        )
        assert service.said().endswith(b"; there is none\n")
        assert service.said().count(b"\n") == 1
        assert not service.known().is_ready


def test_plain_directory_is_as_before(make: Make, mine: list[str]) -> None:
    """18 bytes, the files of 0.76 and ``birth``, and no session of its own."""
    service = make("x").start(mine)
    pid = service.wait_up()
    service.send(b"t")
    pid = service.wait_up(starts=2)
    assert len(service.status()) == 18
    names = sorted(os.listdir(service.directory / "supervise"))
    assert names == ["birth", "control", "lock", "ok", "status"]
    assert service.supervise
    assert os.getsid(pid) == os.getsid(service.supervise.pid)
    assert os.getpgid(pid) == os.getpgid(service.supervise.pid)
