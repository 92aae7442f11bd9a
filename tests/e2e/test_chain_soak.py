"""Very many clients of a server with a chain leave nothing behind in it.

``UCSPI_SOAK`` says how many connections there are, 20,000 unless it is set; those
that end badly are a fifth of that.
"""

import os
import pwd
import select
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.commands import COMMANDS
from tests.support.otheruser import enterable
from tests.support.patience import FACTOR, PATIENCE, wait_for
from tests.support.processes import descriptors, pids, status
from tests.support.warmed import CAN_BE_WARM, OURS
from ucspi.unix import mover

BENCH = Path(__file__).parents[2] / "bench"
CONNECTIONS = int(os.environ.get("UCSPI_SOAK", "20000"))
CLIENTS = 16
WARM_UP = 2000  # connections after which a server has all that it will ever have for those at once
GROWTH = 1000  # kilobytes that an allocator may still ask for
# It is gone before it has said anything.
DIES = """
#include <sys/syscall.h>
#include <unistd.h>

void _start(void);

void _start(void)
{
  syscall(SYS_kill, syscall(SYS_getpid), 9);
}
"""

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CAN_BE_WARM and mover.is_there()),
        reason="there are no steps without the compiled module, launchers and the mover",
    ),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user"),
    pytest.mark.skipif(
        shutil.which("cc") is None or not BENCH.exists(), reason="the load is compiled from bench/"
    ),
]


def compile_c(source: Path, target: Path, *flags: str) -> None:
    subprocess.run(["cc", "-O2", *flags, "-o", target, source], check=True, timeout=PATIENCE)


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a directory that anybody may enter, with the load, two handlers and some variables."""
    with enterable() as directory:
        compile_c(BENCH / "load.c", directory / "load")
        (directory / "dies.c").write_text(DIES)
        for name, source in (("six", BENCH / "six.c"), ("dies", directory / "dies.c")):
            compile_c(source, directory / name, "-static", "-nostartfiles")
        (directory / "variables").mkdir()
        for number in range(4):
            (directory / f"variables/V{number}").write_text("value\n")
        yield directory


def load(place: Path, port: int, count: int, size: int, *how: str) -> None:
    """Be so many clients, sixteen at once; each must get so many bytes."""
    words: list[str | Path] = [place / "load", str(port), str(count), str(CLIENTS), str(size), *how]
    subprocess.run(words, check=True, timeout=FACTOR * (PATIENCE + count / 20), stdout=subprocess.DEVNULL)


@contextmanager
def serving(place: Path, handler: str) -> Iterator[tuple[int, int]]:
    """Run a server with a chain in a session of its own; give its pid and port."""
    chain = [
        *("recordio", "softlimit", "-o", "50", "envuidgid", "nobody", "envdir", "./variables"),
        # Not another user: a link that is executed in doubt must be able to run its interpreter.
        *("setuidgid", pwd.getpwuid(os.geteuid()).pw_name, "argv0", handler, "x"),
    ]
    process = subprocess.Popen(
        [COMMANDS / "tcpserver", "-1QHRl0", "-c20", "127.0.0.1", "0", *chain],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=place,
        env={"PATH": OURS},
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], PATIENCE)[0]
        yield process.pid, int(process.stdout.readline())
        assert process.poll() is None
    finally:
        process.kill()
        process.wait(PATIENCE)
        process.stdout.close()  # type: ignore[union-attr]


def session(pid: int) -> list[int]:
    """Return the processes of a session, dead or alive, but for its leader."""
    found = []
    for other in pids():
        try:
            text = Path(f"/proc/{other}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(text.rpartition(")")[2].split()[3]) == pid != other:
            found.append(other)
    return found


def memory(pid: int) -> tuple[int, int]:
    """Return the kilobytes that a process alone has written to, and those of its address space."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    written = sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Dirty:", "Swap:")))
    return written, int(status(pid)["VmSize"].split()[0])


def has(pid: int) -> tuple[int, str]:
    """Return how many descriptors and threads a process has."""
    return descriptors(pid), status(pid)["Threads"]


@pytest.mark.parametrize(
    ("handler", "count", "size", "how"),
    [
        ("./six", CONNECTIONS, 6, []),
        ("./dies", CONNECTIONS // 5, 0, []),
        ("./six", CONNECTIONS // 5, 0, ["reset"]),
    ],
    ids=["served", "handlers that die", "clients that reset"],
)
def test_nothing_is_left_behind(place: Path, handler: str, count: int, size: int, how: Sequence[str]) -> None:
    with serving(place, handler) as (pid, port):
        load(place, port, WARM_UP, size, *how)
        wait_for(lambda: not session(pid), "the end of all handlers")
        before, used = has(pid), memory(pid)
        load(place, port, count, size, *how)
        wait_for(lambda: not session(pid), "the end of all handlers")
        assert has(pid) == before
        grown = [now - then for now, then in zip(memory(pid), used, strict=True)]
        assert max(grown) <= GROWTH, grown
        if handler == "./six":
            load(place, port, CLIENTS, 6)  # it still serves
