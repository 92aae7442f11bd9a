"""The four filters that take no option, between descriptors of every kind, against the originals."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import ENVIRONMENT, ours
from tests.support.filters import both, nonblocking_pipe, piped, run, run_with_size_limit
from tests.support.launchers import is_launched
from tests.support.logtrees import LABEL
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE

pytestmark = [
    pytest.mark.sampled(3),
    pytest.mark.oracle,
    pytest.mark.parametrize("program", ["addcr", "delcr", "tai64n", "tai64nlocal"]),
]

MEMORY = 40 * 1024  # kilobytes: the interpreter and some blocks


def test_arguments_are_ignored(oracle: Oracle, program: str) -> None:
    mine, original = (run([*command, "-x", "y"], b"a\r\nb") for command in both(oracle, program))
    assert (mine[0], LABEL.sub(b"@", mine[1]), mine[2]) == (original[0], LABEL.sub(b"@", original[1]), b"")


def test_help_and_version_alone_are_answered(oracle: Oracle, program: str) -> None:
    assert run([oracle(program), "--help"], b"a")[1].endswith(b"a")
    assert run([*ours(program), "--help"], b"a") == (0, f"{program}: usage: {program}\n".encode(), b"")


@pytest.mark.parametrize("closed", [0, 1])
def test_closed_descriptors_are_exit_111_without_a_word(oracle: Oracle, program: str, closed: int) -> None:
    mine, original = (
        run(command, b"a\n", before=lambda: os.close(closed)) for command in both(oracle, program)
    )
    assert mine == original == (111, b"", b"")


def test_full_disk_is_exit_111_without_a_word(oracle: Oracle, program: str) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    mine, original = (run(command, b"a\n", full) for command in both(oracle, program))
    os.close(full)
    assert mine == original == (111, b"", b"")


def test_directory_as_input_cannot_be_read(oracle: Oracle, program: str) -> None:
    directory = os.open("/", os.O_RDONLY)
    mine, original = (run(command, directory) for command in both(oracle, program))
    os.close(directory)
    assert original == (111, b"", b"")
    assert mine == original if is_launched() else mine[0] == 1


@pytest.mark.parametrize("ignored", [False, True])
def test_who_stops_reading_ends_it_by_sigpipe(oracle: Oracle, program: str, ignored: bool) -> None:
    ends = []
    for command in both(oracle, program):
        reader, writer = os.pipe()
        os.close(reader)
        action = signal.SIG_IGN if ignored else signal.SIG_DFL
        ends.append(run(command, b"a\n", writer, before=lambda: signal.signal(signal.SIGPIPE, action)))  # noqa: B023
        os.close(writer)
    assert ends[1] == (111 if ignored else -signal.SIGPIPE, b"", b"")
    assert ends[0] == (ends[1] if is_launched() else (-signal.SIGPIPE, b"", b""))


def test_file_size_limit_ends_it_by_sigxfsz(oracle: Oracle, program: str, tmp_path: Path) -> None:
    for command in both(oracle, program):
        assert run_with_size_limit(command, b"a\n" * 9, tmp_path / "out", 3) == (-signal.SIGXFSZ, 3)


def test_line_is_passed_on_at_once(program: str) -> None:
    with piped(ours(program)) as (into, out):
        for _ in range(3):
            into.write(b"hello\n")
            assert out.read(100).replace(b"\r", b"").endswith(b"hello\n")


def test_input_that_does_not_block_is_waited_for(oracle: Oracle, program: str) -> None:
    reader, writer = nonblocking_pipe()
    assert run([oracle(program)], reader)[0] == 111
    with subprocess.Popen(ours(program), stdin=reader, stdout=subprocess.PIPE, env=ENVIRONMENT) as process:
        assert process.stdout
        for _ in range(2):  # the answer to the first: it waits, or will
            os.write(writer, b"late\n")
            assert process.stdout.readline().replace(b"\r", b"").endswith(b"late\n")
        os.close(writer)
        assert process.wait(PATIENCE) == 0
    os.close(reader)


# More than the bound, in what goes in or in what comes out of it.
@pytest.mark.parametrize(
    ("block", "times"),
    [(bytes(65536), 1000), (b"\n" * 65536, 300), (b"@" + b"0" * 65535, 1000)],
    ids=["no line", "empty lines", "labels"],
)
def test_memory_is_flat_whatever_the_length_of_the_line(program: str, block: bytes, times: int) -> None:
    with subprocess.Popen(
        ours(program), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=ENVIRONMENT
    ) as process:
        assert process.stdin
        for _ in range(times):
            process.stdin.write(block)
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
    (most,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    assert int(most) < MEMORY
