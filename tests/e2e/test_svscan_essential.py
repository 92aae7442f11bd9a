"""svscan --essential: the tree ends with a service, and svscan with the exit code of its last run."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.scanning import (
    EACH_MODE,
    IN_PROCESS,
    LOGGER,
    LONG,
    OURS,
    SLEEPER,
    STUBBORN,
    TALKER,
    Scanning,
    Status,
    add,
    last_words,
    nothing_runs,
    ready,
)
from tests.support.commands import ours
from tests.support.patience import PATIENCE, remove, wait_for

pytestmark = [pytest.mark.sampled(3), pytest.mark.e2e, pytest.mark.oracle]

A = ["--essential", "a"]
FAILING = "#!/bin/sh\nexit 7\n"
# Ends with the code that a file has, as soon as there is one.
TOLD = "#!/bin/sh\nwhile ! [ -f code ]; do sleep 0.02; done\nread code < code\nrm code\nexit $code\n"
PERMANENT = "#!/bin/sh\nexit 125\n"


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def add_failing(scanning: Scanning, name: str, run: str = TOLD, log: str | None = None) -> Path:
    """Add a service that has failed for good when its run has ended."""
    made = scanning.scanned.parent / f"new-{name}"
    made.mkdir()
    program(made / "run", run)
    program(made / "finish", PERMANENT)
    if log is not None:
        (made / "log").mkdir()
        program(made / "log/run", log)
    made.rename(scanning.scanned / name)
    return scanning.scanned / name


def say(service: Path, code: int) -> None:
    (service / "code.new").write_text(f"{code}\n")
    (service / "code.new").rename(service / "code")


def code_of(process: "subprocess.Popen[bytes]") -> int:
    return process.wait(PATIENCE)


def goes_on(process: "subprocess.Popen[bytes]", seconds: float = 0.7) -> bool:
    """Say whether it has not ended by then; what it could see it has seen in a tenth of that."""
    time.sleep(seconds)
    return process.poll() is None


@EACH_MODE
def test_failure_for_good_ends_all_and_no_line_is_lost(scanning: Scanning, command: list[str]) -> None:
    a = add_failing(scanning, "a", log=LOGGER)
    for name in ("b", "c"):
        add(scanning.scanned, name, TALKER, LOGGER)
    process = scanning.start([*command, *A])
    ready(scanning, "b", "c")
    scanning.wait_up("a", "a/log", "b/log", "c/log")
    say(a, 7)
    assert code_of(process) == 7
    assert nothing_runs(scanning)
    for name in ("b", "c"):
        assert last_words(scanning, name) == list(range(2000))
    assert scanning.lines() == [b"svscan: warning: a has failed for good, exit code 7: ending all services"]


@EACH_MODE
def test_what_fails_at_once_ends_what_has_hardly_begun(scanning: Scanning, command: list[str]) -> None:
    a = add(scanning.scanned, "a", "#!/bin/sh\nexit 100\n")
    (a / "flag-permanent-100").touch()
    for number in range(8):
        add(scanning.scanned, str(number), log=LOGGER)
    begun = time.monotonic()
    assert code_of(scanning.start([*command, *A])) == 100
    assert time.monotonic() - begun < PATIENCE / 4
    assert nothing_runs(scanning)


@EACH_MODE
@pytest.mark.parametrize(
    ("how", "code", "said"),
    [("3", 3, b"exit code 3"), ("0", 0, b"exit code 0"), ("", 128 + 9, b"signal 9")],
)
def test_end_of_what_is_wanted_once(
    scanning: Scanning, command: list[str], how: str, code: int, said: bytes
) -> None:
    """A plain directory has no other file that says how it ended."""
    a = add(scanning.scanned, "a", TOLD)
    (a / "down").touch()
    add(scanning.scanned, "b")
    process = scanning.start([*command, *A])
    scanning.wait_up("b")
    wait_for((a / "supervise/ok").exists, "supervise")
    scanning.control("-o", "a")
    [pid] = scanning.wait_up("a")
    if how:
        say(a, int(how))
    else:
        os.kill(pid, signal.SIGKILL)
    assert code_of(process) == code
    assert nothing_runs(scanning)
    assert scanning.lines() == [b"svscan: warning: a has ended, %s: ending all services" % said]


@EACH_MODE
def test_finish_is_waited_for_and_may_change_its_mind(scanning: Scanning, command: list[str]) -> None:
    a = add(scanning.scanned, "a", TOLD)
    program(a / "finish", "#!/bin/sh\necho >> finishing\nwhile [ -f held ]; do sleep 0.02; done\n")
    (a / "down").touch()
    (a / "held").touch()
    process = scanning.start([*command, *A])
    wait_for((a / "supervise/ok").exists, "supervise")
    scanning.control("-o", "a")
    [pid] = scanning.wait_up("a")
    say(a, 5)
    wait_for((a / "finishing").exists, "finish")
    assert goes_on(process, 0.3)
    scanning.control("-o", "a")
    wait_for(lambda: (a / "supervise/control").exists() and goes_on(process, 0.2), "the byte to be read")
    (a / "held").unlink()
    scanning.wait_new("a", pid)
    assert process.poll() is None
    say(a, 6)
    assert code_of(process) == 6


@EACH_MODE
def test_crash_and_orders_of_an_operator_end_nothing(scanning: Scanning, command: list[str]) -> None:
    add(scanning.scanned, "a")
    process = scanning.start([*command, *A, LONG])
    [pid] = scanning.wait_up("a")
    os.kill(pid, signal.SIGKILL)
    pid = scanning.wait_new("a", pid)
    scanning.control("-d", "a")
    wait_for(lambda: scanning.pid("a") == 0, "its end")
    scanning.control("-o", "a")
    pid = scanning.wait_new("a", pid)
    scanning.control("-u", "a")
    wait_for(lambda: Status(scanning.scanned / "a").want == ord("u"), "the byte to be read")
    os.kill(pid, signal.SIGTERM)
    pid = scanning.wait_new("a", pid)
    scanning.control("-dx", "a")
    wait_for(lambda: scanning.pid("a") == 0, "its end")
    assert goes_on(process)
    assert scanning.lines() == []
    process.send_signal(signal.SIGTERM)
    assert code_of(process) == 0


@EACH_MODE
def test_what_an_earlier_life_has_left_does_not_count(scanning: Scanning, command: list[str]) -> None:
    a = add_failing(scanning, "a")
    process = scanning.start([*command, *A])
    scanning.wait_up("a")
    say(a, 9)
    assert code_of(process) == 9
    process = scanning.start([*command, *A])
    scanning.wait_up("a")
    assert goes_on(process)
    say(a, 0)
    assert code_of(process) == 0


@EACH_MODE
def test_name_that_is_not_there_yet_is_waited_for(scanning: Scanning, command: list[str]) -> None:
    process = scanning.start([*command, *A, LONG])
    add(scanning.scanned, "b")
    wait_for(lambda: hang_up(process) and scanning.is_up("b"), "a scan")
    add_failing(scanning, "a", FAILING)
    wait_for(lambda: process.poll() is not None or hang_up(process), "a scan")
    assert code_of(process) == 7


def hang_up(process: "subprocess.Popen[bytes]") -> bool:
    """Have it scanned, if HUP is caught already; return True."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
    if int(fields.get("SigCgt", "0"), 16) >> (signal.SIGHUP - 1) & 1:
        process.send_signal(signal.SIGHUP)
    return True


@EACH_MODE
def test_what_was_removed_is_no_longer_essential(scanning: Scanning, command: list[str]) -> None:
    a = add_failing(scanning, "a")
    process = scanning.start([*command, *A, LONG])
    scanning.wait_up("a")
    a.rename(scanning.scanned / ".a")
    say(scanning.scanned / ".a", 9)
    wait_for(lambda: scanning.pid(".a") == 0, "its end")
    assert goes_on(process)
    add_failing(scanning, "a", FAILING)
    hang_up(process)
    assert code_of(process) == 7


@EACH_MODE
def test_directory_that_is_deleted_while_it_runs_ends_nothing(scanning: Scanning, command: list[str]) -> None:
    a = add_failing(scanning, "a", SLEEPER)
    process = scanning.start([*command, *A, LONG])
    [pid] = scanning.wait_up("a")
    remove(a)
    os.kill(pid, signal.SIGKILL)
    assert goes_on(process)
    process.send_signal(signal.SIGTERM)
    assert code_of(process) == 0


def test_supervise_that_is_killed_ends_nothing(scanning: Scanning) -> None:
    a = add_failing(scanning, "a")
    process = scanning.start([*OURS, *A, LONG])
    [pid] = scanning.wait_up("a")
    [supervise] = scanning.supervisors()
    os.kill(supervise, signal.SIGKILL)
    wait_for(lambda: hang_up(process) and any(b"taking over a" in line for line in scanning.lines()), "that")
    assert scanning.pid("a") == pid
    assert goes_on(process)
    say(a, 9)
    assert code_of(process) == 111, "nobody but its first supervise can know how it ended"
    assert scanning.lines()[-1] == (
        b"svscan: warning: a has failed for good, it is not known how: ending all services"
    )


@EACH_MODE
def test_svscan_that_is_killed_leaves_it_to_the_next(scanning: Scanning, command: list[str]) -> None:
    a = add_failing(scanning, "a")
    scanning.start([*command, *A])
    [pid] = scanning.wait_up("a")
    scanning.kill()
    process = scanning.start([*command, *A])
    said = b"taking over" if command is IN_PROCESS else b"unable to acquire"
    wait_for(lambda: any(said in line for line in scanning.lines()), "the next one to find it")
    assert scanning.pid("a") == pid
    assert goes_on(process)
    say(a, 9)
    # The old supervise, which goes on, is its parent.
    assert code_of(process) == (111 if command is IN_PROCESS else 9)
    wait_for(lambda: nothing_runs(scanning), "the end of all")


@pytest.mark.parametrize("whose", ["original"])
def test_supervise_that_does_not_tell_is_named(scanning: Scanning) -> None:
    a = add(scanning.scanned, "a", TOLD)
    (a / "down").touch()
    process = scanning.start([*OURS, *A, LONG])
    line = b"svscan: warning: unable to watch a: its supervise does not tell how it ends"
    wait_for(lambda: scanning.lines() == [line], "the line")
    scanning.control("-o", "a")
    scanning.wait_up("a")
    say(a, 1)
    wait_for(lambda: scanning.pid("a") == 0, "its end")
    assert goes_on(process)
    assert scanning.lines() == [line], "once"
    process.send_signal(signal.SIGTERM)
    assert code_of(process) == 0


@EACH_MODE
def test_first_of_several_decides(scanning: Scanning, command: list[str]) -> None:
    for name in ("a", "b", "c"):
        add_failing(scanning, name)
    process = scanning.start([*command, *A, "--essential=b", "--essential", "c", "--essential=none"])
    scanning.wait_up("a", "b", "c")
    say(scanning.scanned / "b", 4)
    assert code_of(process) == 4
    assert len(scanning.lines()) == 1


@EACH_MODE
def test_order_of_a_signal_that_came_first_counts(scanning: Scanning, command: list[str]) -> None:
    add_failing(scanning, "a", TOLD.replace("\n", "\ntrap 'exit 9' TERM\n", 1))
    (scanning.scanned / "a/finish").write_text("#!/bin/sh\nexit 125\n")
    add(scanning.scanned, "b", TALKER, LOGGER)
    process = scanning.start([*command, *A, LONG])
    ready(scanning, "b")
    scanning.wait_up("a", "b/log")
    process.send_signal(signal.SIGTERM)
    assert code_of(process) == 0
    assert last_words(scanning, "b") == list(range(2000))


@EACH_MODE
def test_signal_after_its_end_changes_nothing_but_hurries(scanning: Scanning, command: list[str]) -> None:
    a = add_failing(scanning, "a")
    add(scanning.scanned, "b", STUBBORN)
    process = scanning.start([*command, *A, LONG])
    ready(scanning, "b")
    scanning.wait_up("a")
    say(a, 6)
    wait_for(lambda: len(scanning.lines()) == 1, "the order")
    assert goes_on(process, 1.2)
    process.send_signal(signal.SIGTERM)
    assert code_of(process) == 6
    assert nothing_runs(scanning)
    assert scanning.lines()[1:] == [b"svscan: warning: b has not ended: killed"]


@EACH_MODE
def test_without_the_other_option_term_ends_svscan_alone(scanning: Scanning, command: list[str]) -> None:
    add(scanning.scanned, "a")
    process = scanning.start([*command, *A])
    [pid] = scanning.wait_up("a")
    process.send_signal(signal.SIGTERM)
    assert code_of(process) == -signal.SIGTERM
    assert pid in scanning.running()


@EACH_MODE
def test_logger_that_fails_for_good_ends_nothing(scanning: Scanning, command: list[str]) -> None:
    a = add_failing(scanning, "a", log=FAILING)
    program(a / "log/finish", PERMANENT)
    process = scanning.start([*command, *A])
    scanning.wait_up("a")
    wait_for(lambda: Status(a / "log").want == 0 and (a / "log/supervise/ok").exists(), "its failure")
    assert goes_on(process)
    say(a, 2)
    assert code_of(process) == 2


@EACH_MODE
def test_services_get_the_same_environment_and_others_the_same_status(
    scanning: Scanning, command: list[str]
) -> None:
    for name in ("a", "b"):
        add(scanning.scanned, name, "#!/bin/sh\nenv | sort > got.new; mv got.new got\nexec sleep 1000\n")
    scanning.start([*command, *A])
    for name in ("a", "b"):
        wait_for((scanning.scanned / name / "got").exists, "its environment")
    scanning.wait_up("a", "b")
    assert (scanning.scanned / "a/got").read_bytes().replace(b"/a\n", b"/b\n") == (
        scanning.scanned / "b/got"
    ).read_bytes()
    sizes = [len((scanning.scanned / name / "supervise/status").read_bytes()) for name in ("a", "b")]
    assert sizes == [40, 18]


@pytest.mark.parametrize("name", ["", "a/b", "/a", ".", "..", ".a", "x" * 256])
def test_name_that_cannot_be_one_is_refused(tmp_path: Path, name: str) -> None:
    for words in (["--essential", name], [f"--essential={name}"]):
        done = subprocess.run(
            [*OURS, *words, str(tmp_path)], capture_output=True, check=False, timeout=PATIENCE
        )
        assert done.returncode == 100
        assert done.stderr == (
            b"svscan: fatal: --essential wants the name of a service in the directory,"
            b" without a slash or a dot in front: %s\n" % name.encode()
        )


@pytest.mark.parametrize("words", [["--essential"], [".", "--essential=a"], [".", "--essential", "a"]])
def test_option_in_the_wrong_place_is_refused(words: list[str]) -> None:
    done = subprocess.run([*OURS, *words], capture_output=True, check=False, timeout=PATIENCE)
    assert done.returncode == 100
    assert done.stderr.startswith(b"svscan: usage: ")


def test_svscanboot_exits_as_svscan_did(scanning: Scanning) -> None:
    a = add_failing(scanning, "a")
    process = scanning.start([*ours("svscanboot"), "--in-process", *A])
    scanning.wait_up("a")
    say(a, 8)
    assert code_of(process) == 8
