"""svscan and svscanboot as the first process of a process namespace, as in a container."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.scanning import (
    EACH_MODE,
    LOGGER,
    SLEEPER,
    STUBBORN,
    TALKER,
    Scanning,
    add,
    last_words,
    nothing_runs,
    ready,
)
from tests.support.oracles import Oracle
from tests.support.patience import wait_for
from tests.support.world import SYSTEM_PATH

pytestmark = [
    pytest.mark.sampled(3),
    pytest.mark.e2e,
    pytest.mark.oracle,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be first in a namespace of its own"),
    pytest.mark.skipif(shutil.which("unshare") is None, reason="not installed: unshare"),
]

FIRST = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
QUICK = 7.0  # seconds, less than the eight that nothing needs


@pytest.fixture
def scanning(tmp_path: Path, oracle: Oracle, our_commands: Path) -> Iterator[Scanning]:
    for program in ("svc", "multilog"):
        oracle(program)
    with Scanning(tmp_path, path=f"{our_commands}:{SYSTEM_PATH}") as made:
        yield made


def children(pid: int) -> list[int]:
    """Return the pids of a process's children."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def first(process: "subprocess.Popen[bytes]") -> int:
    """Return the pid of the first process, as it is out here, when it catches TERM."""

    def catches_term() -> bool:
        status = [Path(f"/proc/{pid}/status").read_text() for pid in children(process.pid)]
        return any(
            int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1
            for text in status
            for line in text.splitlines()
            if line.startswith("SigCgt")
        )

    wait_for(catches_term, "the first process to catch TERM")
    return children(process.pid)[0]


def end(process: "subprocess.Popen[bytes]", number: int = signal.SIGTERM) -> int:
    """Tell the first process to end; return the exit code."""
    os.kill(first(process), number)
    return process.wait(QUICK)


@EACH_MODE
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_end_and_no_line_is_lost(scanning: Scanning, command: list[str], number: int) -> None:
    for name in ("a", "b"):
        add(scanning.scanned, name, TALKER, LOGGER)
    add(scanning.scanned, "c")
    process = scanning.start([*FIRST, *command])
    ready(scanning, "a", "b")
    wait_for((scanning.scanned / "b/log/main/current").exists, "the loggers")
    assert end(process, number) == 0
    assert nothing_runs(scanning)
    for name in ("a", "b"):
        assert last_words(scanning, name) == list(range(2000))
    assert scanning.lines() == []


@EACH_MODE
def test_strangers_are_reaped_at_once_and_end_with_it(scanning: Scanning, command: list[str]) -> None:
    add(scanning.scanned, "a", "#!/bin/sh\n(sleep 1001 &)\n(sleep 1002 &)\nexec sleep 1000\n")
    process = scanning.start([*FIRST, *command])
    scanner = first(process)

    def strangers() -> list[int]:
        return [pid for pid, command in scanning.running().items() if command in ("sleep 1001", "sleep 1002")]

    wait_for(lambda: len(strangers()) == 2, "strangers")
    wait_for(lambda: set(strangers()) <= set(children(scanner)), "nobody else to be their parent")
    stranger = strangers()[0]
    os.kill(stranger, signal.SIGKILL)
    begun = time.monotonic()
    wait_for(lambda: stranger not in children(scanner), "the stranger to be reaped")
    assert time.monotonic() - begun < 4, "not by the next scan"
    assert end(process) == 0
    assert nothing_runs(scanning)


@EACH_MODE
def test_empty_directory_keeps_it_running(scanning: Scanning, command: list[str]) -> None:
    process = scanning.start([*FIRST, *command])
    scanner = first(process)
    os.kill(scanner, signal.SIGHUP)
    time.sleep(0.2)
    assert process.poll() is None
    assert end(process, signal.SIGQUIT) == 0


class TestBoot:
    """svscanboot, which is the first process then, with svscan and readproctitle as children."""

    @pytest.fixture
    def boot(self, our_commands: Path) -> list[str]:
        return [*FIRST, str(our_commands / "svscanboot")]

    @pytest.mark.parametrize("options", [[], ["--in-process"]], ids=["processes", "in process"])
    def test_signals_are_passed_on_and_the_exit_code_is_svscan_s(
        self, scanning: Scanning, boot: list[str], options: list[str]
    ) -> None:
        add(scanning.scanned, "a", TALKER, LOGGER)
        add(scanning.scanned, "broken", None)
        process = scanning.start([*boot, *options])
        ready(scanning, "a")
        wait_for((scanning.scanned / "a/log/main/current").exists, "the logger")
        initial = first(process)
        shown = b"supervise: fatal: unable to start broken/run: file does not exist"

        def titles() -> list[bytes]:
            return [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children(initial)]

        wait_for(lambda: any(shown in title and b"readproctitle" in title for title in titles()), "the title")
        assert end(process) == 0
        assert last_words(scanning, "a") == list(range(2000))

    def test_option_is_passed_on(self, scanning: Scanning, boot: list[str]) -> None:
        add(scanning.scanned, "a", STUBBORN)
        process = scanning.start([*boot, "--stop-on-term=1"])
        ready(scanning, "a")
        assert end(process) == 0

    def test_svscan_that_was_killed_ends_it(self, scanning: Scanning, boot: list[str]) -> None:
        add(scanning.scanned, "a", SLEEPER)
        process = scanning.start([*boot, "--in-process"])
        wait_for(lambda: scanning.pid("a") > 0, "the service")
        [scanner] = [
            pid
            for pid in children(first(process))
            if b"in-process" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        os.kill(scanner, signal.SIGKILL)
        assert process.wait(QUICK) == 128 + signal.SIGKILL
