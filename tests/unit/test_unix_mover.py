"""The mover as a program: its orders, what it shows, what little it needs."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from resource import RLIMIT_AS, RLIMIT_DATA, setrlimit

import pytest

from tests.support.commands import ENVIRONMENT, ours
from tests.support.launchers import needs_launcher
from tests.support.moving import CDBEXT, PID, copied, environment, filtered
from tests.support.patience import PATIENCE, wait_for
from ucspi.unix import mover

pytestmark = pytest.mark.sampled(3)

needs_mover = pytest.mark.skipif(not mover.is_there(), reason="the mover was not built")
HELD = 100  # kilobytes of memory that a waiting copier may have of its own


@needs_mover
@pytest.mark.parametrize(
    "order",
    [
        *("", "record", "record 4", "record 4 5", "record 4 5 6", "record 4 5 x y", "record -4 5 6 x"),
        *("record  4 5 6 x", "record 9999999999 5 6 x", "recorder 4 5 6 x", "addcr", "other x"),
    ],
)
def test_what_is_no_order_is_refused(order: str) -> None:
    done = subprocess.run([mover.PATH], env=environment(order), capture_output=True, timeout=PATIENCE)
    said = b"ucspi: fatal: this program is started by recordio, fixcrio, proxyio and tcpserver alone\n"
    assert (done.returncode, done.stdout, done.stderr) == (100, b"", said)


@needs_mover
def test_only_the_last_entry_is_an_order() -> None:
    given = {"UCSPI_MOVER": "addcr x", "A": "b"}
    done = subprocess.run([mover.PATH], env=given, input=b"\n", capture_output=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (100, b"")


@needs_mover
def test_copier_shows_the_name_and_the_arguments_of_the_program() -> None:
    command = [*ours("recordio"), "sh", "-c", "echo; read -r x"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"\n"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        place = Path("/proc", children[0])
        assert os.path.realpath(place / "exe") == os.fsdecode(os.path.realpath(mover.PATH))
        assert (place / "comm").read_text() == "recordio\n"
        assert (place / "cmdline").read_bytes().split(b"\0")[:-1] == [word.encode() for word in command]
        assert sorted(map(int, os.listdir(place / "fd")))[:3] == [0, 1, 2]
        assert len(os.listdir(place / "fd")) == 5
        memory = (place / "smaps_rollup").read_text().splitlines()
        (private,) = (int(line.split()[1]) for line in memory if line.startswith("Private_Dirty:"))
        assert private < HELD
        process.communicate(timeout=PATIENCE)


@needs_mover
def test_order_is_all_that_the_copier_has_more_in_its_environment() -> None:
    script = (
        "read -r copier < /proc/$$/task/$$/children; sleep 0.3; cat /proc/$$/environ /proc/$copier/environ"
    )
    done = subprocess.run(
        [*ours("recordio"), "sh", "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=ENVIRONMENT | {"A": "", "B": "c=d"},
        timeout=PATIENCE,
    )
    *entries, order, end = done.stdout.split(b"\0")
    assert end == b""
    half = len(entries) // 2
    assert entries[:half] == entries[half:] != []
    assert order.startswith(b"UCSPI_MOVER=record ")


@needs_mover
@needs_launcher
@pytest.mark.parametrize("limit", ["--as=30000000", "--data=3000000", "--stack=1000000"])
def test_copier_has_the_limits_that_were_asked_for(limit: str) -> None:
    """Not those that the interpreter needs."""
    script = "read -r copier < /proc/$$/task/$$/children; sleep 0.3; cat /proc/$$/limits /proc/$copier/limits"
    command = ["prlimit", f"{limit}:", *ours("fixcrio"), "sh", "-c", script]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, env=ENVIRONMENT, timeout=PATIENCE
    )
    lines = done.stdout.splitlines()
    assert limit.partition("=")[2].encode() in done.stdout
    assert lines[: len(lines) // 2] == lines[len(lines) // 2 :]


@needs_mover
@pytest.mark.parametrize("resource", [RLIMIT_DATA, RLIMIT_AS])
@pytest.mark.parametrize("kind", ["record", "fixcr"])
def test_limits_of_memory_leave_it_small_buffers(resource: int, kind: str) -> None:
    """``softlimit -d 50000`` stands in run scripts that people have."""
    limit = 50_000 if resource == RLIMIT_DATA else 400_000
    pieces = [b"x" * 30_000, b"\n" * 9000]
    moved = copied(kind, pieces, pieces, before=lambda: setrlimit(resource, (limit, limit)))
    assert (moved.code, moved.back.replace(b"\r", b"")) == (0, b"x" * 4096 + b"\n" * 4096)


@needs_mover
def test_log_that_does_not_block_is_waited_for() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    command = [*ours("recordio"), "head", "-c", "65000", "/dev/zero"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=writer, env=ENVIRONMENT) as process:
        os.close(writer)
        with os.fdopen(reader, "rb") as file:
            wait_for(
                lambda: process.poll() is not None, "its end"
            )  # the log is full, and the program is done
            assert file.read().count(b"\0") == 65_000


@needs_mover
def test_signals_are_as_they_were_but_for_broken_pipes(tmp_path: Path) -> None:
    # It is what it will be when it waits for what is to be copied.
    script = f"""
        read -r copier < /proc/$$/task/$$/children
        until [ "$(readlink /proc/$copier/exe)" = "{os.path.realpath(os.fsdecode(mover.PATH))}" ] &&
            grep -q '^State:.S' /proc/$copier/status; do sleep 0.01; done
        grep ^Sig /proc/$copier/status
    """
    done = subprocess.run(
        [*ours("fixcrio"), "sh", "-c", script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=ENVIRONMENT,
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1]),
        timeout=PATIENCE,
    )
    masks = {
        line.split(b":")[0]: int(line.split()[1], 16)
        for line in done.stdout.splitlines()
        if not line.startswith(b"SigQ")
    }
    assert masks[b"SigBlk"] == 1 << signal.SIGUSR1 - 1
    assert masks[b"SigIgn"] & 0xFFFFFFFF & ~(1 << 31) == 1 << signal.SIGPIPE - 1
    assert masks[b"SigCgt"] & 0x7FFFFFFF == 0


@pytest.mark.parametrize("program", ["recordio", "fixcrio"])
def test_mover_that_cannot_be_executed_is_done_without(program: str, tmp_path: Path) -> None:
    """Though it was there a moment before."""
    broken = tmp_path / "mover"
    broken.write_bytes(b"\x7fELF")
    broken.chmod(0o755)
    script = f"import sys; from ucspi.programs.{program} import main; from ucspi.unix import mover\n"
    script += f"mover.PATH = {bytes(broken)!r}; sys.argv = ['{program}', 'cat']; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=b"hi\r\n",
        capture_output=True,
        env=ENVIRONMENT,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout) == (0, b"hi\r\n")


@needs_mover
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.parametrize("way", [[], ["-static"]], ids=["dynamic", "static"])
def test_processor_without_bare_system_calls_gets_the_same(way: list[str], tmp_path: Path) -> None:
    sources = [*sorted((CDBEXT / "mover").glob("*.c")), CDBEXT / "lines/crlf.c"]
    compiler = ["cc", "-std=c11", "-D_GNU_SOURCE", "-DUSYS_NO_BARE", f"-I{CDBEXT}", *way]
    subprocess.run([*compiler, *sources, "-o", tmp_path / "plain"], check=True, timeout=PATIENCE)
    pieces = [b"one\n", b"two\r", b"\nand no end" * 100]
    for kind in ("record", "fixcr"):
        moved = copied(kind, pieces, [b"x"] * 20, tmp_path / "plain")
        assert moved == copied(kind, pieces, [b"x"] * 20)
        assert moved.code == 0
        assert moved.there
    for kind in ("addcr", "delcr"):
        assert filtered(kind, pieces, tmp_path / "plain") == filtered(kind, pieces)
    assert b"%d < one \n" % PID in copied("record", pieces, [b"x"] * 9, tmp_path / "plain").log
