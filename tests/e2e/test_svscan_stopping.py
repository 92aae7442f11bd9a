"""svscan that is told to end: services first, then their loggers, no line lost, and no second too long."""

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
    add,
    last_words,
    nothing_runs,
    ready,
)
from tests.support.patience import PATIENCE, remove, wait_for

pytestmark = [pytest.mark.sampled(3), pytest.mark.e2e, pytest.mark.oracle]

DEAF_LOGGER = "#!/bin/sh\nexec sleep 1000\n"  # does not care for the end of its input
# Takes its time for each line.
SLOW_LOGGER = "#!/bin/sh\nwhile read -r line; do sleep 0.1; echo $line >> stored; done\n"


def end(process: "subprocess.Popen[bytes]", number: int = signal.SIGTERM) -> float:
    """Tell a scanner to end; return how long that took."""
    begun = time.monotonic()
    process.send_signal(number)
    assert process.wait(PATIENCE) == 0
    return time.monotonic() - begun


EACH_SUPERVISE = pytest.mark.parametrize(
    ("command", "whose"),
    [(OURS, "ours"), (OURS, "original"), (IN_PROCESS, "ours")],
    ids=["processes", "original's supervise", "in process"],
)


@EACH_SUPERVISE
def test_services_whose_supervise_is_a_link_end_too(
    scanning: Scanning, tmp_path: Path, command: list[str]
) -> None:
    """As Debian's runit has it: in ``/run``, under another name."""
    service = add(scanning.scanned, "a", log=LOGGER)
    (service / "supervise").symlink_to(tmp_path / "state-of-a")
    (service / "log/supervise").symlink_to(tmp_path / "state-of-a-log")
    process = scanning.start([*command, LONG])
    scanning.wait_up("a", "a/log")
    end(process)
    assert nothing_runs(scanning)
    assert scanning.lines() == []


@EACH_SUPERVISE
def test_services_end_and_their_loggers_have_every_line(scanning: Scanning, command: list[str]) -> None:
    for name in ("a", "b"):
        add(scanning.scanned, name, TALKER, LOGGER)
    add(scanning.scanned, "sleeper")
    add(scanning.scanned, "crashing", "#!/bin/sh\nexit 1\n", LOGGER)
    (add(scanning.scanned, "paused", log=LOGGER)).joinpath("log/down").touch()
    process = scanning.start([*command, LONG])
    ready(scanning, "a", "b")
    scanning.wait_up("a/log", "b/log", "sleeper", "paused")
    scanning.control("-p", "paused", "b/log")
    end(process)
    assert nothing_runs(scanning)
    for name in ("a", "b"):
        assert last_words(scanning, name) == list(range(2000))
    assert set(scanning.stat("a", "a/log", "sleeper", "crashing", "paused", "paused/log")) == {
        f"{name}: supervise not running"
        for name in ("a", "a/log", "sleeper", "crashing", "paused", "paused/log")
    }
    assert scanning.lines() == []


@EACH_MODE
def test_services_that_were_just_started_end_too(scanning: Scanning, command: list[str]) -> None:
    """Before they or their supervisors are ready, and whatever was not yet started is not."""
    for number in range(8):
        add(scanning.scanned, str(number), log=LOGGER)
    process = scanning.start([*command, LONG])
    wait_for(lambda: any(scanning.pid(str(number)) for number in range(8)), "the first one")
    end(process)
    assert nothing_runs(scanning)


@pytest.mark.slow
@EACH_MODE
def test_what_does_not_end_is_killed_after_its_time(scanning: Scanning, command: list[str]) -> None:
    add(scanning.scanned, "a", STUBBORN, SLOW_LOGGER)
    add(scanning.scanned, "b", log=DEAF_LOGGER)
    # More than the second in which a supervisor that has just started a service hears nothing.
    process = scanning.start([*command, "--stop-on-term=3"])
    ready(scanning, "a")
    scanning.wait_up("a/log", "b", "b/log")
    took = end(process)
    assert took >= 3.9, "three seconds for services, another one for loggers"
    assert nothing_runs(scanning)
    assert scanning.lines() == [
        b"svscan: warning: a has not ended: killed",
        b"svscan: warning: b/log has not ended: killed",
    ]


@EACH_MODE
def test_second_signal_hurries(scanning: Scanning, command: list[str]) -> None:
    """One that was sent to a whole group, and passed on by somebody too, is one."""
    add(scanning.scanned, "a", STUBBORN, LOGGER)
    process = scanning.start([*command, LONG])
    ready(scanning, "a")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    time.sleep(1.2)
    assert process.poll() is None
    assert scanning.is_up("a")
    end(process)
    assert nothing_runs(scanning)


@EACH_MODE
def test_quit_does_not_wait_for_loggers(scanning: Scanning, command: list[str]) -> None:
    add(scanning.scanned, "a", TALKER, DEAF_LOGGER)
    add(scanning.scanned, "b", TALKER, LOGGER)
    (scanning.scanned / "a/run").write_text(SLEEPER)
    process = scanning.start([*command, LONG])
    [_, logger, _] = scanning.wait_up("a", "a/log", "b/log")
    ready(scanning, "b")
    end(process, signal.SIGQUIT)
    # While it executes the program that it stays, it has no command line to be seen.
    wait_for(lambda: logger in scanning.running(), "a logger that lives on")
    os.kill(logger, signal.SIGKILL)
    wait_for(lambda: nothing_runs(scanning), "the end of all")
    assert last_words(scanning, "b") == list(range(2000))


@EACH_MODE
def test_supervisors_of_a_killed_scanner_are_ended_too(scanning: Scanning, command: list[str]) -> None:
    """They are nobody's children, or there are none."""
    add(scanning.scanned, "a", TALKER, LOGGER)
    add(scanning.scanned, "b", STUBBORN)
    scanning.start([*command, LONG])
    ready(scanning, "a", "b")
    scanning.wait_up("a/log")
    scanning.kill()
    process = scanning.start([*command, "--stop-on-term=3"])
    said = b"taking over" if command is IN_PROCESS else b"unable to acquire"
    wait_for(lambda: sum(said in line for line in scanning.lines()) == 3, "the new scanner to find them")
    end(process)
    wait_for(lambda: nothing_runs(scanning), "strangers, who have closed what we see, to be gone")
    assert last_words(scanning, "a") == list(range(2000))
    assert scanning.lines()[-1] == b"svscan: warning: b has not ended: killed"


def test_service_that_its_supervise_took_over_is_killed_too(scanning: Scanning) -> None:
    """It is no child of the supervise, which was started anew."""
    add(scanning.scanned, "b", STUBBORN)
    scanning.start([*IN_PROCESS, LONG])
    ready(scanning, "b")
    scanning.kill()
    process = scanning.start([*OURS, "--stop-on-term=1"])
    wait_for(lambda: any(b"taking over" in line for line in scanning.lines()), "the supervise to find it")
    end(process)
    wait_for(lambda: nothing_runs(scanning), "the service to be gone")
    assert scanning.lines()[-1] == b"svscan: warning: b has not ended: killed"


def test_other_kinds_of_supervisors_are_ended_by_the_one_that_hosts(scanning: Scanning) -> None:
    add(scanning.scanned, "a", TALKER, LOGGER)
    scanning.start(OURS)
    ready(scanning, "a")
    scanning.wait_up("a/log")
    scanning.kill()
    process = scanning.start([*IN_PROCESS, LONG])
    wait_for(lambda: len(scanning.lines()) == 2, "the complaints")
    end(process)
    wait_for(lambda: nothing_runs(scanning), "strangers, who have closed what we see, to be gone")
    assert last_words(scanning, "a") == list(range(2000))


@EACH_MODE
def test_directories_that_are_gone_hold_nothing_up(scanning: Scanning, command: list[str]) -> None:
    add(scanning.scanned, "a", log=LOGGER)
    add(scanning.scanned, "b", log=LOGGER)
    add(scanning.scanned, "c")
    process = scanning.start([*command, LONG])
    scanning.wait_up("a", "a/log", "b", "b/log", "c")
    remove(scanning.scanned / "a")
    (scanning.scanned / "b").rename(scanning.scanned / ".b")
    (scanning.scanned / "c").rename(scanning.scanned / "d")
    end(process)
    assert nothing_runs(scanning)


def test_supervise_that_was_stopped_goes_on(scanning: Scanning) -> None:
    add(scanning.scanned, "a", TALKER, LOGGER)
    process = scanning.start([*OURS, LONG])
    ready(scanning, "a")
    for pid, command in scanning.running().items():
        if "supervise" in command and "svscan" not in command:
            os.kill(pid, signal.SIGSTOP)
    end(process)
    assert nothing_runs(scanning)
    assert last_words(scanning, "a") == list(range(2000))


@EACH_MODE
def test_empty_directory_keeps_it_running_and_hangup_scans(scanning: Scanning, command: list[str]) -> None:
    process = scanning.start([*command, LONG])
    time.sleep(0.5)
    assert process.poll() is None
    add(scanning.scanned, "a")
    begun = time.monotonic()
    while not scanning.is_up("a"):
        process.send_signal(signal.SIGHUP)  # one may come before it is caught, in the mask of a new process
        time.sleep(0.05)
        assert time.monotonic() - begun < 4, "the next scan by itself"
    end(process, signal.SIGINT)
    assert nothing_runs(scanning)


@EACH_MODE
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_without_the_option_signals_end_it_alone(scanning: Scanning, command: list[str], number: int) -> None:
    add(scanning.scanned, "a")
    process = scanning.start(command)
    [pid] = scanning.wait_up("a")
    process.send_signal(number)
    assert process.wait(PATIENCE) == -number
    assert pid in scanning.running()


@EACH_MODE
def test_ignored_signals_stay_ignored_but_for_term(scanning: Scanning, command: list[str]) -> None:
    """As in the background of a shell."""
    add(scanning.scanned, "a")
    ignored = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM)
    process = scanning.start(
        [*command, LONG], before=lambda: [signal.signal(number, signal.SIG_IGN) for number in ignored]
    )
    [pid] = scanning.wait_up("a")
    for number in (signal.SIGINT, signal.SIGQUIT):
        process.send_signal(number)
    status = Path(f"/proc/{pid}/status").read_text()
    [mask] = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigIgn")]
    assert [number for number in ignored if mask >> (number - 1) & 1] == [*ignored[:3]]
    assert process.poll() is None
    end(process)
    assert nothing_runs(scanning)


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5", "9" * 5000])
def test_number_that_is_none_is_refused(value: str) -> None:
    done = subprocess.run(
        [*OURS, f"--stop-on-term={value}"], capture_output=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 100
    assert done.stderr.startswith(b"svscan: usage: ")


@pytest.mark.slow
@EACH_MODE
def test_hundreds_end_at_once(scanning: Scanning, command: list[str]) -> None:
    names = [str(number) for number in range(150)]
    for name in names:
        add(scanning.scanned, name, log=LOGGER)
    process = scanning.start([*command, LONG])
    wait_for(lambda: all(scanning.is_up(name) and scanning.is_up(f"{name}/log") for name in names), "all")
    end(process)
    assert nothing_runs(scanning)
