"""addcr and delcr against the originals, on streams cut anywhere."""

import os
import signal
import subprocess
from pathlib import Path
from random import Random

import pytest

from tests.support.commands import ENVIRONMENT, ours
from tests.support.filters import (
    both,
    nonblocking_pipe,
    pieces,
    piped,
    run,
    run_on_pieces,
    run_with_size_limit,
)
from tests.support.launchers import is_launched
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.oracle

PROGRAMS = ["addcr", "delcr"]
MEMORY = 40 * 1024  # kilobytes: the interpreter and some blocks


@pytest.mark.parametrize("program", PROGRAMS)
def test_streams_in_odd_pieces_come_out_as_from_the_original(oracle: Oracle, program: str) -> None:
    random = Random(88)
    for _ in range(6):
        stream = pieces(random, 60)
        mine, original = (run_on_pieces(command, stream) for command in both(oracle, program))
        assert mine == original


@pytest.mark.parametrize("program", PROGRAMS)
def test_large_streams_come_out_as_from_the_original(oracle: Oracle, program: str) -> None:
    stream = b"".join(pieces(Random(88), 6000)) + b"\r"
    mine, original = (run(command, stream) for command in both(oracle, program))
    assert mine == original


@pytest.mark.parametrize("program", PROGRAMS)
def test_arguments_are_ignored(oracle: Oracle, program: str) -> None:
    mine, original = (run([*command, "-x", "y"], b"a\r\nb") for command in both(oracle, program))
    assert mine == original


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_and_version_alone_are_answered(oracle: Oracle, program: str) -> None:
    assert run([oracle(program), "--help"], b"a") == (0, b"a", b"")
    assert run([*ours(program), "--help"], b"a") == (0, f"{program}: usage: {program}\n".encode(), b"")


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("closed", [0, 1])
def test_closed_descriptors_are_exit_111_without_a_word(oracle: Oracle, program: str, closed: int) -> None:
    mine, original = (
        run(command, b"a\n", before=lambda: os.close(closed)) for command in both(oracle, program)
    )
    assert mine == original == (111, b"", b"")


@pytest.mark.parametrize("program", PROGRAMS)
def test_full_disk_is_exit_111_without_a_word(oracle: Oracle, program: str) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    mine, original = (run(command, b"a\n", full) for command in both(oracle, program))
    os.close(full)
    assert mine == original == (111, b"", b"")


@pytest.mark.parametrize("program", PROGRAMS)
def test_who_stops_reading_ends_it_by_sigpipe(oracle: Oracle, program: str) -> None:
    for command in both(oracle, program):
        reader, writer = os.pipe()
        os.close(reader)
        assert run(command, b"a\n", writer) == (-signal.SIGPIPE, b"", b"")
        os.close(writer)


@pytest.mark.parametrize("program", PROGRAMS)
def test_ignored_sigpipe_ends_it_by_an_error(oracle: Oracle, program: str) -> None:
    def before() -> None:
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)

    codes = []
    for command in both(oracle, program):
        reader, writer = os.pipe()
        os.close(reader)
        codes.append(run(command, b"a\n", writer, before=before)[0])
        os.close(writer)
    assert codes == [111 if is_launched() else -signal.SIGPIPE, 111]


@pytest.mark.parametrize("program", PROGRAMS)
def test_file_size_limit_ends_it_by_sigxfsz(oracle: Oracle, program: str, tmp_path: Path) -> None:
    for command in both(oracle, program):
        assert run_with_size_limit(command, b"a\n" * 9, tmp_path / "out", 3) == (-signal.SIGXFSZ, 3)


@pytest.mark.parametrize("program", PROGRAMS)
def test_line_is_passed_on_at_once(program: str) -> None:
    with piped(ours(program)) as (into, out):
        for _ in range(3):
            into.write(b"hello\n")
            assert out.read(100).replace(b"\r", b"") == b"hello\n"


@pytest.mark.parametrize("program", PROGRAMS)
def test_input_that_does_not_block_is_waited_for(oracle: Oracle, program: str) -> None:
    reader, writer = nonblocking_pipe()
    assert run([oracle(program)], reader)[0] == 111
    with subprocess.Popen(ours(program), stdin=reader, stdout=subprocess.PIPE, env=ENVIRONMENT) as process:
        assert process.stdout
        for _ in range(2):  # the answer to the first: it waits, or will
            os.write(writer, b"late")
            assert process.stdout.read(4) == b"late"
        os.close(writer)
        assert process.wait(PATIENCE) == 0
    os.close(reader)


@pytest.mark.parametrize("program", PROGRAMS)
def test_memory_is_flat_whatever_the_length_of_the_line(program: str) -> None:
    with subprocess.Popen(
        ours(program), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=ENVIRONMENT
    ) as process:
        assert process.stdin
        for _ in range(1000):
            process.stdin.write(bytes(65536))
        status = Path(f"/proc/{process.pid}/status").read_text()
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
    (most,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    assert int(most) < MEMORY
