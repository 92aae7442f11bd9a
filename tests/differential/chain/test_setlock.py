"""setlock against the original, each against the lock of the other."""

import fcntl
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.differential.chain import DESCRIPTORS, POWERLESS, Compare, as_root
from tests.support.commands import ENVIRONMENT, ours, run
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE, wait_for

pytestmark = [pytest.mark.oracle, pytest.mark.sampled(3)]

HOLD = ["sh", "-c", "echo locked; exec cat"]


def hold(command: list[str], where: Path) -> "subprocess.Popen[bytes]":
    """Start a program behind setlock that keeps the lock until its input ends."""
    process = subprocess.Popen(
        [*command, "lock", *HOLD], cwd=where, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout
    assert process.stdout.readline() == b"locked\n"
    return process


def release(process: "subprocess.Popen[bytes]") -> int:
    with process:
        assert process.stdin
        process.stdin.close()
        return process.wait(PATIENCE)


def wait_until_it_waits(process: "subprocess.Popen[bytes]") -> None:
    """Wait until a process waits for a lock; the kernel lists who does behind an arrow."""
    waits = f"-> FLOCK  ADVISORY  WRITE {process.pid} "
    wait_for(lambda: waits in Path("/proc/locks").read_text(), process.poll)


@pytest.mark.parametrize("holder", ["ours", "original"])
def test_lock_that_somebody_has_is_not_had_twice(
    compare: Compare, oracle: Oracle, tmp_path: Path, holder: str
) -> None:
    commands = {"ours": ours("setlock"), "original": [oracle("setlock")]}
    process = hold(commands[holder], tmp_path)
    try:
        taken = (111, b"", b"setlock: fatal: unable to lock lock: temporary failure\n")
        for options, expected in {
            "-n": taken,
            "-nX": taken,
            "-Nn": taken,
            "-nxX": taken,
            "-nx": (0, b"", b""),
            "-nXx": (0, b"", b""),
        }.items():
            assert compare(oracle, "setlock", [options, "lock", "echo", "ran"], tmp_path) == expected
        waiting = [
            subprocess.Popen(
                [*command, "-nN", "lock", "echo", "ran"],
                cwd=tmp_path,
                env=ENVIRONMENT,
                stdout=subprocess.PIPE,
            )
            for command in commands.values()
        ]
        for each in waiting:
            wait_until_it_waits(each)
            os.kill(each.pid, signal.SIGSTOP)  # being stopped and continued is not the end
            os.kill(each.pid, signal.SIGCONT)
    finally:
        assert release(process) == 0
    assert [each.communicate(timeout=PATIENCE)[0] for each in waiting] == [b"ran\n", b"ran\n"]


def test_signal_ends_who_waits(oracle: Oracle, tmp_path: Path) -> None:
    holder = hold([oracle("setlock")], tmp_path)
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            waiting = subprocess.Popen(
                [*ours("setlock"), "lock", "echo", "ran"],
                cwd=tmp_path,
                env=ENVIRONMENT,
                stderr=subprocess.PIPE,
            )
            with waiting:
                wait_until_it_waits(waiting)
                waiting.send_signal(number)
                assert waiting.communicate(timeout=PATIENCE)[1] == b""
            assert waiting.returncode == -number
    finally:
        release(holder)


def test_lock_lasts_as_long_as_anybody_has_the_descriptor(
    compare: Compare, oracle: Oracle, tmp_path: Path
) -> None:
    reader, writer = os.pipe()
    for command in (ours("setlock"), [oracle("setlock")]):
        subprocess.run(
            [*command, "-n", "lock", "sh", "-c", "exec 5<&0; cat <&5 >/dev/null 2>&1 &"],
            cwd=tmp_path,
            env=ENVIRONMENT,
            stdin=reader,
            check=True,
            timeout=PATIENCE,
        )
        assert compare(oracle, "setlock", ["-n", "lock", "true"], tmp_path)[0] == 111
        os.close(writer)  # ends it
        with open(tmp_path / "lock", "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
        os.close(reader)
        reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)


def test_file_is_made_private_and_never_truncated(oracle: Oracle, tmp_path: Path) -> None:
    for name, command in {"mine": ours("setlock"), "original": [oracle("setlock")]}.items():
        (tmp_path / f"{name}.old").write_bytes(b"kept")
        for file in (f"{name}.old", f"{name}.new"):
            assert run([*command, file, "true"], tmp_path, before=lambda: os.umask(0o002))[0] == 0
    assert (tmp_path / "mine.old").read_bytes() == b"kept"
    modes = [(tmp_path / f"{name}.new").stat().st_mode & 0o7777 for name in ("mine", "original")]
    assert modes == [0o600, 0o600]


def test_what_cannot_be_opened_is_refused_or_passed_over(
    compare: Compare, oracle: Oracle, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    for file in ("fifo", ".", "", "nosuch/lock", "loop", "/proc/nosuch", "fifo/x", "x" * 300):
        code, _, error = compare(oracle, "setlock", [file, "echo", "ran"], tmp_path)
        assert (code, error.startswith(b"setlock: fatal: unable to open ")) == (111, True)
    assert compare(oracle, "setlock", ["-x", "fifo", "echo", "ran"], tmp_path) == (0, b"", b"")


@as_root
def test_what_may_not_be_written_is_refused(compare: Compare, oracle: Oracle, tmp_path: Path) -> None:
    (tmp_path / "lock").touch(0o444)
    (tmp_path / "closed").mkdir(0o555)
    for file in ("lock", "closed/new"):
        refused = compare(oracle, "setlock", [file, "true"], tmp_path, behind=POWERLESS)
        assert refused[2].endswith(b": access denied\n")


def test_odd_files_are_locked_all_the_same(compare: Compare, oracle: Oracle, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("made")
    for file in ("/dev/null", "link", "-", b"\xff"):
        output = compare(oracle, "setlock", ["--", file, *DESCRIPTORS], tmp_path)[1]
        assert b"/3:flags:\t0106001\n" in output  # write only, appending, not blocking, and inherited
    assert (tmp_path / "made").exists()


def test_silence_is_not_for_a_program_that_cannot_be_run(
    compare: Compare, oracle: Oracle, tmp_path: Path
) -> None:
    assert compare(oracle, "setlock", ["-x", "lock", "nosuch"], tmp_path)[0] == 111


@pytest.mark.parametrize(
    "arguments", [["-z", "lock", "true"], ["-nxq", "lock", "true"], ["-n"], ["lock"], ["--"]]
)
def test_odd_options_are_the_usage(
    compare: Compare, oracle: Oracle, tmp_path: Path, arguments: list[str]
) -> None:
    assert compare(oracle, "setlock", arguments, tmp_path)[0] == 100


def test_fcntl_lock_is_another_kind(compare: Compare, oracle: Oracle, tmp_path: Path) -> None:
    with open(tmp_path / "lock", "wb") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        assert compare(oracle, "setlock", ["-n", "lock", "true"], tmp_path)[0] == 0
