"""multilog on a full disk, under limits, without its directory or descriptors, against the original."""

import fcntl
import os
import resource
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.differential.logs.running import Running, started
from tests.support.commands import ENVIRONMENT, Outcome, ours
from tests.support.launchers import is_launched
from tests.support.logtrees import tree
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE, wait_for
from tests.support.world import why_not

pytestmark = pytest.mark.oracle

LINES = b"".join(b"%06d %s\n" % (number, b"x" * (number % 120)) for number in range(300))

# A disk of eight pages, five of which are taken until it was waited for twice.
FULL = """
mkdir log && mount -t tmpfs -o size=32k tmpfs log && head -c 20000 /dev/zero >log/filler || exit
>said
"$@" <source 2>said &
until [ "$(grep -c pausing said)" -ge 2 ]; do sleep .05; done
rm log/filler
wait $!
echo $?
cat log/current
"""

PAUSING = b"multilog: warning: unable to write to ./log/current, pausing: out of disk space\n"


def commands(oracle: Oracle) -> dict[str, list[str]]:
    return {"ours": ours("multilog"), "original": [oracle("multilog")]}


@pytest.mark.slow
@pytest.mark.parametrize("which", ["ours", "original"])
def test_full_disk_is_waited_for_and_nothing_is_lost_or_doubled(
    oracle: Oracle, which: str, tmp_path: Path
) -> None:
    if reason := why_not():
        pytest.skip(reason)
    (tmp_path / "source").write_bytes(LINES)
    began = time.monotonic()
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", FULL, "sh", *commands(oracle)[which], "./log"],
        cwd=tmp_path,
        env=ENVIRONMENT | {"PATH": f"{ENVIRONMENT['PATH']}:/usr/sbin:/sbin"},
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.stdout, done.stderr) == (b"0\n" + LINES, b"")
    said = (tmp_path / "said").read_bytes()  # more than twice where the shell was late
    assert said == PAUSING * max(said.count(b"\n"), 2)
    assert time.monotonic() - began > 10


@pytest.mark.slow
def test_limit_of_the_file_size_is_waited_for(tmp_path: Path) -> None:
    """The original dies of SIGXFSZ, and what it had read is lost."""
    with started(ours("multilog"), tmp_path, []) as running:
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        running.write(LINES[:3000])
        running.logs(LINES[:1000])
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, unlimited)
        code, said = running.close()
        assert (code, said) == (0, PAUSING.replace(b"out of disk space", b"file too big"))
        assert running.current.read_bytes() == LINES[:3000].rstrip(b"\n") + b"\n"


def complaint(running: Running) -> bytes:
    """Return the next line that it says."""
    assert running.process.stderr is not None
    assert select.select([running.process.stderr], [], [], PATIENCE)[0]
    return running.process.stderr.readline()


@pytest.mark.parametrize("which", ["ours", "original"])
def test_directory_that_is_gone_is_told(oracle: Oracle, which: str, tmp_path: Path) -> None:
    with started(commands(oracle)[which], tmp_path, []) as running:
        running.write(b"x\n")
        running.logs(b"x\n")
        for path in running.log.iterdir():
            path.unlink()
        running.log.rmdir()
        running.kill(signal.SIGALRM)
        assert complaint(running) == (
            b"multilog: warning: unable to rename current to previous in directory ./log, pausing:"
            b" file does not exist\n"
        )


@pytest.mark.slow
@pytest.mark.parametrize("which", ["ours", "original"])
def test_directory_among_the_old_files_is_waited_for_even_after_term(
    oracle: Oracle, which: str, tmp_path: Path
) -> None:
    with started(commands(oracle)[which], tmp_path, ["n2"]) as running:
        (running.log / ("@" + "0" * 24)).mkdir()
        running.write(b"x\n")
        running.logs(b"x\n")
        running.kill(signal.SIGALRM)
        assert complaint(running) == b"multilog: warning: unable to read ./log, pausing: is a directory\n"
        running.kill(signal.SIGTERM)
        time.sleep(0.2)  # what should not happen has time to happen
        assert running.process.poll() is None
        (running.log / ("@" + "0" * 24)).rmdir()
        if which == "ours":  # the original has forgotten it
            assert running.ends() == (0, b"")
            assert running.finished() == [b"x\n"]


@pytest.mark.parametrize("closed", [(0,), (2,), (0, 2), (0, 1, 2)])
def test_closed_descriptors_do_no_harm(oracle: Oracle, closed: tuple[int, ...], tmp_path: Path) -> None:
    found: list[tuple[Outcome, object]] = []
    for name, command in commands(oracle).items():
        where = tmp_path / name
        where.mkdir()
        found.append((run_with(command, where, lambda: list(map(os.close, closed))), tree(where)))
    assert found[0] == found[1]


def run_with(command: list[str], where: Path, before: Callable[[], object]) -> Outcome:
    done = subprocess.run(
        [*command, "./log"],
        cwd=where,
        input=b"one\ntwo",
        capture_output=True,
        env=ENVIRONMENT,
        preexec_fn=before,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_directory_as_input_is_its_end(oracle: Oracle, tmp_path: Path) -> None:
    directory = os.open("/", os.O_RDONLY)
    codes = [
        subprocess.run(
            [*command, "./log"], cwd=tmp_path, stdin=directory, capture_output=True, env=ENVIRONMENT
        )
        for command in commands(oracle).values()
    ]
    os.close(directory)
    assert [done.returncode for done in codes] == [0 if is_launched() else 1, 0]


def test_ignored_signals_of_the_parent_change_nothing(tmp_path: Path) -> None:
    def ignore() -> None:
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)

    done = run_with([*ours("multilog"), "s4096", "!cat"], tmp_path, ignore)
    assert done == (0, b"", b"")


def test_standard_error_that_does_not_block_is_waited_for(oracle: Oracle) -> None:
    """Whoever shares it can make it so; what the original says then is lost."""
    told = {
        name: told_through_a_pipe_that_does_not_block(command) for name, command in commands(oracle).items()
    }
    assert told["ours"] == (0, LINES)
    assert len(told["original"][1]) < len(LINES)


def told_through_a_pipe_that_does_not_block(command: list[str]) -> tuple[int, bytes]:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writer, False)
    with subprocess.Popen([*command, "e"], stdin=subprocess.PIPE, stderr=writer, env=ENVIRONMENT) as process:
        os.close(writer)
        assert process.stdin is not None
        process.stdin.write(LINES)  # a pipe holds them all
        process.stdin.close()
        time.sleep(0.3)  # what should not be thrown away has time to be
        with open(reader, "rb") as pipe:
            said = pipe.read()
    return process.returncode, said


@pytest.mark.parametrize("ignored", [False, True])
def test_echo_that_nobody_reads_ends_it_unless_sigpipe_was_ignored(
    oracle: Oracle, tmp_path: Path, ignored: bool
) -> None:
    codes = []
    for place, command in (("mine", ours("multilog")), ("original", [oracle("multilog")])):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            [
                "sh",
                "-c",
                f'{"trap {0}{0} PIPE;".format(chr(39)) if ignored else ""} exec "$@"',
                "sh",
                *command,
            ]
            + ["e", f"./{place}"],
            input=b"one\ntwo\n",
            stderr=writer,
            cwd=tmp_path,
            timeout=PATIENCE,
        )
        os.close(writer)
        codes.append(done.returncode)
    assert codes[1] == (0 if ignored else -signal.SIGPIPE)
    assert codes[0] == (codes[1] if is_launched() else -signal.SIGPIPE)


@pytest.mark.slow
def test_endless_line_takes_no_memory(tmp_path: Path) -> None:
    with started(ours("multilog"), tmp_path, ["t", "n2", "s16777215", "e", "-*y*", "=last"]) as running:
        block = b"x" * (1 << 20)
        for _ in range(1024):
            written = 0
            while written < len(block):
                written += os.write(running.writer, memoryview(block)[written:])
        status = Path(f"/proc/{running.process.pid}/status").read_text()
        peak = int(status.partition("VmHWM:")[2].split()[0])
        assert peak < 40 * 1024  # kilobytes
        wait_for(lambda: len(running.finished()) == 1, "a finished file")
        code, said = running.close()
        assert (code, len(said)) == (0, 204)
