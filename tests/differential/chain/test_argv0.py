"""argv0 and the original: another name, and nothing else changed."""

import os
import signal
from pathlib import Path

import pytest

from tests.differential.chain import Compare
from tests.support.commands import ENVIRONMENT, ours, signals
from tests.support.filters import both, run
from tests.support.launchers import is_launched
from tests.support.oracles import Oracle

pytestmark = [pytest.mark.oracle, pytest.mark.sampled(3)]

LINES = [
    [],
    ["sh"],
    ["sh", "-c", "-c", "echo $0"],
    ["sh", "-sh", "-c", "echo $0; exit 7", "a", "b"],
    ["sh", "x", "-c", "kill -9 $$"],
    ["/bin/sh", "x", "-c", "echo $0"],
    ["/", "x"],
    ["", "x"],
    ["nonexistent", "x"],
    ["--", "x"],
    ["-h", "x"],
    ["/dev/null", "x"],
    ["/bin/sh/x", "x"],
]


@pytest.mark.parametrize("arguments", LINES)
def test_it_does_what_the_original_does(
    compare: Compare, oracle: Oracle, tmp_path: Path, arguments: list[str]
) -> None:
    compare(oracle, "argv0", arguments, tmp_path)


@pytest.mark.parametrize("path", ["", "/nonexistent:/bin", "/dev/null:/bin", ":/bin", "/root:/bin"])
def test_program_is_looked_for_as_the_original_looks(
    compare: Compare, oracle: Oracle, tmp_path: Path, path: str
) -> None:
    compare(oracle, "argv0", ["sh", "x", "-c", "echo $0"], tmp_path, environment={"PATH": path})


def test_environment_is_passed_on_as_it_was(oracle: Oracle) -> None:
    environment = {"PYTHONPATH": ENVIRONMENT["PYTHONPATH"], "B": "1", "A": "", "PATH": "/usr/bin"}
    mine, original = (
        run([*command, "env", "env"], environment=environment) for command in both(oracle, "argv0")
    )
    assert mine == original
    assert mine[1].startswith(b"PYTHONPATH=")


def test_signals_and_descriptors_are_left_as_they_were(oracle: Oracle, tmp_path: Path) -> None:
    extra = os.open(tmp_path, os.O_RDONLY)

    def before() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])

    script = "grep ^Sig /proc/self/status | grep -v SigQ; ls /proc/self/fd"
    try:
        mine, original = (
            run([*command, "sh", "x", "-c", script], before=before, pass_fds=[extra])
            for command in both(oracle, "argv0")
        )
    finally:
        os.close(extra)
    assert mine == original
    assert b"SigBlk:\t0000000000000200" in mine[1]


def test_help_and_version_alone_are_answered() -> None:
    assert run([*ours("argv0"), "--help"]) == (0, b"argv0: usage: argv0 realname program [ arg ... ]\n", b"")
    assert run([*ours("argv0"), "--version"])[1].startswith(b"ucspi ")


def test_empty_name_becomes_a_question_mark(oracle: Oracle) -> None:
    mine, original = (run([*command, "sh", "", "-c", "echo [$0]"]) for command in both(oracle, "argv0"))
    assert (mine, original) == ((0, b"[?]\n", b""), (0, b"[]\n", b""))


@pytest.mark.parametrize("program", ["argv0", "recordio", "fixcrio"])
def test_ignored_signals_stay_so_in_the_program(oracle: Oracle, program: str) -> None:
    probe = ["grep", *(["grep"] if program == "argv0" else []), "^SigIgn", "/proc/self/status"]
    shell = ["sh", "-c", "trap '' PIPE XFSZ; exec \"$@\"", "sh"]
    mine, original = (
        signals(run([*shell, *command, *probe])[1].split()[1]) for command in both(oracle, program)
    )
    assert original == 1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1
    assert mine == (original if is_launched() else 0)
