"""recordio and fixcrio against the originals: what passes, what is logged, who is who, how it ends."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from random import Random
from resource import RLIMIT_AS, RLIMIT_STACK, setrlimit

import pytest

from tests.differential.movers.lines import ENDS, NOT_TO_BE_RUN
from tests.support import commands
from tests.support.commands import ENVIRONMENT, Outcome
from tests.support.filters import nonblocking_pipe, pieces, run, run_on_pieces, without_pid
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE
from ucspi.unix import mover

pytestmark = [pytest.mark.oracle, pytest.mark.sampled(3)]

PROGRAMS = ["recordio", "fixcrio"]
MEMORY = 40 * 1024  # kilobytes
ENDED = {"recordio": b"%s\n%s\n%s\n", "fixcrio": b"%s\r\n%s\r\n%s\r\n"}
each = pytest.mark.parametrize("program", PROGRAMS)


# The program as it is where there is no mover.
IN_PYTHON = """
import sys
from ucspi.programs.{0} import main
from ucspi.unix import mover
mover.PATH = b"/nonexistent"
sys.argv[0] = "{0}"
sys.exit(main())
"""
_is_python = False


@pytest.fixture(autouse=True, params=["mover", "python"])
def copier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have each test done with both copiers."""
    if request.param == "mover" and not mover.is_there():
        pytest.skip("the mover was not built")
    monkeypatch.setattr(sys.modules[__name__], "_is_python", request.param == "python")
    return str(request.param)


def ours(program: str) -> list[str]:
    return [sys.executable, "-c", IN_PYTHON.format(program)] if _is_python else commands.ours(program)


def both(oracle: Oracle, program: str) -> tuple[list[str], list[str]]:
    return ours(program), [oracle(program)]


def comparable(outcome: Outcome) -> tuple[int, bytes, list[bytes]]:
    return outcome[0], outcome[1], without_pid(outcome[2])


@each
@pytest.mark.parametrize("line", NOT_TO_BE_RUN)
def test_what_cannot_be_run_is_said_as_the_original_says_it(
    oracle: Oracle, program: str, line: list[str]
) -> None:
    mine, original = (run([*command, *line]) for command in both(oracle, program))
    assert mine[:2] == original[:2]
    said = [
        sorted(line for line in err.split(b"\n") if line.startswith(program.encode()))
        for err in (mine[2], original[2])
    ]
    assert said[0] == said[1] != []


@each
def test_both_ways_in_odd_pieces_come_out_as_from_the_original(oracle: Oracle, program: str) -> None:
    random = Random(88)
    for _ in range(4):
        stream = pieces(random, 60)
        mine, original = (run_on_pieces([*command, "cat"], stream) for command in both(oracle, program))
        assert mine[:2] == original[:2]


@each
def test_input_is_logged_piece_by_piece_as_the_original_logs_it(oracle: Oracle, program: str) -> None:
    stream = pieces(Random(89), 80)
    mine, original = (
        comparable(run_on_pieces([*command, "sh", "-c", "cat >/dev/null"], stream))
        for command in both(oracle, program)
    )
    assert mine == original


@each
def test_output_is_logged_in_the_pieces_of_the_original(oracle: Oracle, program: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"".join(pieces(Random(90), 200))[:20_000])
    mine, original = (
        comparable(run([*command, "cat", str(tmp_path / "text")])) for command in both(oracle, program)
    )
    # The end of the input may come after that of the output, and then is not logged.
    logs = [[line for line in outcome[2] if line != b"< [EOF]"] for outcome in (mine, original)]
    assert (mine[:2], logs[0]) == (original[:2], logs[1])


@each
@pytest.mark.parametrize("script", ENDS)
def test_exit_code_is_that_of_the_program(oracle: Oracle, program: str, script: str) -> None:
    mine, original = (run([*command, "sh", "-c", script]) for command in both(oracle, program))
    assert mine[:2] == original[:2]


@each
def test_program_keeps_the_pid_and_the_copier_is_its_child(oracle: Oracle, program: str) -> None:
    script = "echo $$; read -r copier < /proc/$$/task/$$/children; ls -l /proc/$copier/fd/0 | sed 's/.*-> //'"
    for command in both(oracle, program):
        source, feed = os.pipe()
        with subprocess.Popen(
            [*command, "sh", "-c", script],
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
        ) as process:
            told = process.communicate(timeout=PATIENCE)[0].split()
        assert told == [b"%d" % process.pid, os.readlink(f"/proc/self/fd/{source}").encode()]
        os.close(source)
        os.close(feed)


@each
def test_signals_descriptors_and_environment_are_left_as_they_were(
    oracle: Oracle, program: str, tmp_path: Path
) -> None:
    extra = os.open(tmp_path, os.O_RDONLY)

    def before() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])

    script = "grep ^Sig /proc/self/status | grep -v SigQ; ls /proc/self/fd; env"
    try:
        mine, original = (
            run([*command, "sh", "-c", script], before=before, pass_fds=[extra])
            for command in both(oracle, program)
        )
    finally:
        os.close(extra)
    assert mine[:2] == original[:2]


@each
def test_environment_under_env_dash_stays_as_it_was(oracle: Oracle, program: str) -> None:
    environment = {"PYTHONPATH": ENVIRONMENT["PYTHONPATH"], "PATH": "/usr/bin:/bin"}
    mine, original = (run([*command, "env"], environment=environment) for command in both(oracle, program))
    assert mine[:2] == original[:2]


@each
def test_conversation_is_not_delayed(program: str) -> None:
    mine, its = socket.socketpair()
    with mine, its:
        mine.settimeout(PATIENCE)
        command = [*ours(program), "cat"]
        with subprocess.Popen(
            command, stdin=its.fileno(), stdout=its.fileno(), stderr=subprocess.PIPE, env=ENVIRONMENT
        ) as process:
            its.close()
            for _ in range(3):
                mine.sendall(b"hello\n")
                assert mine.recv(100).replace(b"\r", b"") == b"hello\n"
            mine.shutdown(socket.SHUT_WR)
            assert mine.recv(100) == b""  # the end went in and came out
            assert (process.communicate(timeout=PATIENCE)[1].count(b"hello"), process.returncode) == (
                6 if program == "recordio" else 0,
                0,
            )


@each
def test_end_of_the_output_is_passed_on_while_the_program_lives(oracle: Oracle, program: str) -> None:
    for command in both(oracle, program):
        line = [*command, "sh", "-c", "echo bye; exec >&-; cat >/dev/null; exit 4"]
        with subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT
        ) as process:
            assert process.stdout
            assert process.stdout.read().replace(b"\r", b"") == b"bye\n"
            assert process.wait(PATIENCE) == 4  # nobody feeds it any more


@each
def test_program_that_reads_nothing_loses_no_answer(program: str) -> None:
    command = [*ours(program), "sh", "-c", "echo ready; exec <&-; sleep 0.1; echo done; echo more"]
    assert run(command, bytes(200_000))[:2] == (0, ENDED[program] % (b"ready", b"done", b"more"))


@each
def test_program_that_ends_early_ends_the_copier(oracle: Oracle, program: str) -> None:
    zeros = os.open("/dev/zero", os.O_RDONLY)
    mine, original = (run([*command, "true"], zeros) for command in both(oracle, program))
    os.close(zeros)
    assert mine[:2] == original[:2] == (0, b"")


@pytest.mark.parametrize("line", [["true"], ["sh", "-c", "exit 5"]])
def test_input_of_a_program_that_ends_at_once_is_logged(
    oracle: Oracle, line: list[str], tmp_path: Path
) -> None:
    """Where the copier is an interpreter, the program is often gone before it has begun.

    The original may be ended by SIGPIPE before it logs the end of the output.
    """
    (tmp_path / "input").write_bytes(b"hi\n")
    for command in both(oracle, "recordio"):
        for _ in range(10):
            with (tmp_path / "input").open("rb") as source:
                log = run([*command, *line], source.fileno())[2].split(b"\n")
            told = [text.partition(b" ")[2] for text in log]
            assert told[0] == b"< hi "
            assert told[-2:] == [b"> [EOF]", b""] or command[0] == oracle("recordio")


@each
def test_client_that_is_gone_ends_the_program(oracle: Oracle, program: str) -> None:
    for command in both(oracle, program):
        reader, writer = os.pipe()
        os.close(reader)
        assert run([*command, "yes"], b"", writer)[0] == -signal.SIGPIPE
        os.close(writer)


@each
def test_log_that_nobody_reads_or_that_is_full_ends_nothing(program: str) -> None:
    for log in ("/dev/full", None):
        number = os.open(log, os.O_WRONLY) if log else os.pipe()[1]
        with subprocess.Popen(
            [*ours(program), "cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=number,
            env=ENVIRONMENT,
        ) as process:
            assert process.communicate(b"hi\r\n", timeout=PATIENCE)[0] == b"hi\r\n"
        assert process.returncode == 0


@each
def test_input_that_does_not_block_is_waited_for(program: str) -> None:
    reader, writer = nonblocking_pipe()
    command = [*ours(program), "cat"]
    with subprocess.Popen(
        command, stdin=reader, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT
    ) as process:
        assert process.stdout
        for _ in range(2):
            os.write(writer, b"late")
            assert process.stdout.read(4) == b"late"
        os.close(writer)
        assert process.wait(PATIENCE) == 0
    os.close(reader)


@each
def test_client_that_sends_all_before_it_reads_is_served(oracle: Oracle, program: str) -> None:
    """Whoever waits for room in one way must not hold up the other."""
    size = 1_000_000
    script = f"yes | head -c {size} & cat >&2; wait"
    for command in both(oracle, program):
        mine, its = socket.socketpair()
        with (
            mine,
            its,
            subprocess.Popen(
                [*command, "sh", "-c", script],
                stdin=its.fileno(),
                stdout=its.fileno(),
                stderr=subprocess.DEVNULL,
                env=ENVIRONMENT,
            ) as process,
        ):
            its.close()
            mine.settimeout(PATIENCE)
            mine.sendall(bytes(size))
            mine.shutdown(socket.SHUT_WR)
            got = b""
            while block := mine.recv(65536):
                got += block
            assert len(got.replace(b"\r", b"")) == size
            assert process.wait(PATIENCE) == 0


@each
@pytest.mark.parametrize("limit", [20_000_000, 100_000_000])
def test_limits_of_memory_and_stack_change_nothing(oracle: Oracle, program: str, limit: int) -> None:
    """The usual ``softlimit -m`` makes a stack of a thread as large as all memory may be."""

    def before() -> None:
        setrlimit(RLIMIT_STACK, (limit, limit))
        setrlimit(RLIMIT_AS, (limit, limit))

    mine, original = (
        comparable(run([*command, "sh", "-c", "read a; echo $a; exit 4"], b"hi\n", before=before))
        for command in both(oracle, program)
    )
    assert mine[:2] == original[:2] != (4, b"")
    if program == "recordio":
        assert {b"< hi ", b"> hi "} <= set(mine[2]) & set(original[2])


@each
def test_copier_that_fails_says_why(program: str, tmp_path: Path) -> None:
    script = tmp_path / "failing.py"
    name = f"ucspi.programs.{program}"
    script.write_text(
        f"import sys; from ucspi.programs import _stdio_copier; from {name} import main\n"
        "from ucspi.unix import mover\n"
        "def fail(*_): raise MemoryError\n"
        "mover.PATH, _stdio_copier.relay = b'/nonexistent', fail\n"
        f"sys.argv = ['{program}', 'sh', '-c', 'cat; sleep 0.1']; sys.exit(main())\n"
    )
    code, out, err = run([sys.executable, str(script)], b"hi\n")
    assert (code, out, err) == (0, b"", b"%s: fatal: unable to copy: out of memory\n" % program.encode())


@each
def test_closed_descriptors_become_the_null_device(oracle: Oracle, program: str, tmp_path: Path) -> None:
    def before() -> None:
        for number in (0, 1, 2):
            os.close(number)

    oracle(program)
    shown = tmp_path / "shown"
    command = [*ours(program), "sh", "-c", f"cat; ls -l /proc/$$/fd/2 >{shown}"]
    with subprocess.Popen(command, env=ENVIRONMENT, preexec_fn=before) as process:
        assert process.wait(PATIENCE) == 0
    assert shown.read_bytes().endswith(b"-> /dev/null\n")


@each
def test_memory_is_flat_whatever_the_length_of_the_line(program: str) -> None:
    script = (
        "cat >/dev/null; read -r copier rest < /proc/$$/task/$$/children; grep VmHWM /proc/$copier/status"
    )
    feed = "import sys\nfor _ in range(1000): sys.stdout.buffer.write(bytes(65536))"
    with subprocess.Popen([sys.executable, "-c", feed], stdout=subprocess.PIPE) as feeder:
        done = subprocess.run(
            [*ours(program), "sh", "-c", script],
            stdin=feeder.stdout,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
            timeout=PATIENCE,
        )
    assert 0 < int(done.stdout.split()[1]) < MEMORY


def test_lines_of_a_piece_are_one_write_that_a_pipe_takes_whole() -> None:
    from ucspi.programs._recordio_copy import lines

    assert lines(b"4194304 < ", b"\n" * 256) == b"4194304 <  \n" * 256
    assert len(lines(b"4194304 < ", b"\n" * 256)) < 4096
    assert lines(b"1 > ", b"whole\npart") == b"1 > whole \n1 > part+\n"
