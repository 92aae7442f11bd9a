"""multilog while it runs: what is where at which moment, signals, processors.

Each test runs with the original and with ours; passing with the original is
what makes it a judge.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.differential.logs.running import UNFINISHED, WHOLE, Running, started
from tests.support.commands import ours, signals
from tests.support.logtrees import logged
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE, wait_for

pytestmark = [pytest.mark.oracle, pytest.mark.sampled(3)]


Start = Callable[..., "Running"]


@pytest.fixture(params=["ours", "original"])
def start(request: pytest.FixtureRequest, oracle: Oracle, tmp_path: Path) -> Iterator[Start]:
    """Give a function that starts a multilog with actions before its log."""
    command = ours("multilog") if request.param == "ours" else [oracle("multilog")]
    open_ones = []

    def begin(*actions: str) -> Running:
        context = started(command, tmp_path, list(actions))
        open_ones.append(context)
        return context.__enter__()

    yield begin
    for context in open_ones:
        context.__exit__(None, None, None)


def test_line_is_in_its_file_before_more_is_read(start: Start) -> None:
    running = start()
    running.write(b"one\n")
    running.logs(b"one\n")
    running.write(b"two\nthr")
    running.logs(b"one\ntwo\n")
    assert running.close() == (0, b"")
    assert (running.current.read_bytes(), running.mode()) == (b"one\ntwo\nthr\n", WHOLE)


def test_long_line_is_written_before_it_ends(start: Start) -> None:
    running = start()
    running.write(b"x" * 999)
    running.write(b"x")
    running.logs(b"x" * 1000)
    running.write(b"yz")
    running.logs(b"x" * 1000 + b"yz")
    assert running.close() == (0, b"")
    assert running.current.read_bytes() == b"x" * 1000 + b"yz\n"


def test_term_between_two_lines_ends_it(start: Start) -> None:
    running = start()
    running.write(b"one\n")
    running.logs(b"one\n")
    running.kill(signal.SIGTERM)
    assert running.ends() == (0, b"")
    assert running.mode() == WHOLE


def test_term_inside_a_line_ends_it_after_the_line(start: Start) -> None:
    running = start()
    running.write(b"one\ntw")
    running.logs(b"one\n")
    running.heeds(signal.SIGTERM)
    running.write(b"o\nthree\n")
    assert running.ends() == (0, b"")
    assert (running.current.read_bytes(), running.mode()) == (b"one\ntwo\n", WHOLE)
    assert os.read(running.reader, 100) == b"three\n"


def test_alarm_finishes_what_is_not_empty(start: Start) -> None:
    running = start()
    running.heeds(signal.SIGALRM)
    running.write(b"one\ntw")
    running.logs(b"one\n")
    running.kill(signal.SIGALRM)
    running.logs(b"")
    running.heeds(signal.SIGALRM)
    running.write(b"o\n")
    running.logs(b"two\n")
    running.close()
    assert running.finished() == [b"one\n"]


@pytest.mark.parametrize(
    "number", [signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGPIPE, signal.SIGKILL]
)
def test_other_signals_leave_it_unfinished(start: Start, number: int) -> None:
    running = start()
    running.write(b"one\n")
    running.logs(b"one\n")
    running.kill(number)
    assert running.ends() == (-number, b"")
    assert running.mode() == UNFINISHED
    again = start()
    again.write(b"new\n")
    again.logs(b"new\n")
    assert [path.suffix for path in again.log.glob("@*")] == [".u"]


def test_log_is_of_one_alone(start: Start) -> None:
    start().write(b"one\n")
    code, said = start().ends()
    assert (code, said) == (111, b"multilog: fatal: unable to lock directory ./log: temporary failure\n")


def test_processor_makes_what_is_kept_and_remembers(start: Start) -> None:
    running = start(
        "s4096", "!tr a-y b-z; cat <&4 >&5; echo again >&5; ls -l /proc/self/fd | wc -l >>fds; pwd >>fds"
    )
    for text in (b"one\n", b"two\n"):
        running.write(text)
        running.logs(text)
        running.kill(signal.SIGALRM)
        running.logs(b"")
        wait_for(lambda: not (running.log / "previous").exists(), "a file that is processed")
        wait_for(lambda: not (running.log / "processed").exists(), "a finished file")
    assert running.close() == (0, b"")
    assert running.finished() == [b"pof\n", b"uxp\n"]
    assert (running.log / "state").read_bytes() == b"again\nagain\n"
    lines = (running.log / "fds").read_text().splitlines()
    assert lines == ["7", str(running.log)] * 2  # a total, 0, 1, 2, 4, 5, and the directory that ls reads


def test_processor_may_have_term_and_sigpipe(start: Start) -> None:
    running = start("!grep -E 'Sig(Ign|Blk)' /proc/self/status; cat")
    running.write(b"x\n")
    running.logs(b"x\n")
    running.kill(signal.SIGALRM)
    wait_for(running.finished, "a finished file")
    words = running.finished()[0].split()
    assert words[::2] == [b"SigBlk:", b"SigIgn:", b"x"]
    assert [signals(word) for word in words[1::2]] == [0, 0]
    here = Path("/proc/self/status").read_text().partition("SigIgn:")[2].split()[0]
    assert int(words[3], 16) & ~int(here, 16) == 0  # 32 and 33 as they were, too


def test_what_an_empty_processor_makes_is_empty(start: Start) -> None:
    running = start("!")
    running.write(b"x\n")
    running.logs(b"x\n")
    running.kill(signal.SIGALRM)
    wait_for(lambda: running.finished() == [b""], running.finished)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["exit 3", "kill -9 $$"])
def test_processor_that_fails_is_run_again(start: Start, how: str) -> None:
    running = start(f"!test -e done && exec cat; : >done; {how}")
    running.write(b"x\n")
    running.logs(b"x\n")
    running.kill(signal.SIGALRM)
    wait_for(lambda: running.finished() == [b"x\n"], running.finished)
    code, said = running.close()
    assert code == 0
    expected = b"multilog: warning: processor failed in ./log, pausing\n"
    assert (
        said == expected if "exit" in how else said.startswith(expected.replace(b"failed", b"crashed")[:-1])
    )


def test_many_lines_stay_whole_and_in_order(start: Start) -> None:
    running = start("s5000", "n99999")
    lines = b"".join(b"%06d %s\n" % (number, b"x" * (number % 120)) for number in range(3000))
    for at in range(0, len(lines), 4000):
        running.write(lines[at : at + 4000])
    assert running.close() == (0, b"")
    assert logged(running.log) == lines
    assert all(3000 <= len(file) < 5000 and file.endswith(b"\n") for file in running.finished())


def test_reader_of_standard_error_that_goes_ends_it(start: Start) -> None:
    running = start("e")
    running.write(b"one\n")
    running.logs(b"one\n")
    assert running.process.stderr is not None
    running.process.stderr.close()
    running.write(b"two\n")
    assert running.process.wait(PATIENCE) == -signal.SIGPIPE
    assert running.mode() == UNFINISHED


def of_ours(where: Path, *actions: str) -> AbstractContextManager[Running]:
    return started(ours("multilog"), where, list(actions))


def test_term_while_it_is_busy_is_not_forgotten(tmp_path: Path) -> None:
    """The original goes on until more input comes, or a second TERM."""
    with of_ours(tmp_path, "!kill -TERM $PPID; cat") as running:
        running.write(b"one\n")
        running.logs(b"one\n")
        running.kill(signal.SIGALRM)
        assert running.ends() == (0, b"")
        assert (running.finished(), running.mode()) == ([b"one\n"], WHOLE)


def test_input_that_does_not_block_is_waited_for(tmp_path: Path) -> None:
    """The original takes what is not there yet for the end."""
    with of_ours(tmp_path) as running:
        os.set_blocking(running.reader, False)
        for text in (b"one\n", b"one\ntwo\n"):
            running.write(text[-4:])
            running.logs(text)
        assert running.close() == (0, b"")
