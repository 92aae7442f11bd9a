"""What the first scan says and starts, byte for byte and descriptor by descriptor as the original does."""

import os
import random
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.differential.svscan import Scan, both
from tests.support.commands import ours
from tests.support.oracles import Oracle

pytestmark = [pytest.mark.oracle, pytest.mark.sampled(3)]


def compare(
    oracle: Oracle,
    scanned: Path,
    scratch: Path,
    *,
    arguments: "list[str | bytes] | None" = None,
    before: Callable[[], object] | None = None,
    path: str | None = None,
) -> Scan:
    """Have both scan one directory; return ours when it said and did the same."""
    mine, original = (
        Scan(command, scanned, scratch / name, arguments=arguments, before=before, path=path)
        for command, name in zip(both(oracle), ("mine", "original"), strict=True)
    )
    with mine, original:
        mine.wait()
        original.wait()
        assert mine.told() == original.told()
        # Children complain in whatever order they run.
        assert sorted(mine.lines()) == sorted(original.lines())
        assert mine.process.poll() == original.process.poll()
    return mine


def test_every_kind_of_entry(oracle: Oracle, tmp_path: Path) -> None:
    scanned = tmp_path / "scanned"
    for name in (
        "plain",
        "logged/log",
        ".hidden/log",
        "with space",
        "-x",
        "sticky",
        "x" * 255,
        "y" * 255 + "/log",
    ):
        (scanned / name).mkdir(parents=True)
    (scanned / "sticky").chmod(0o1755)
    (scanned / "log is a file").mkdir()
    (scanned / "log is a file/log").touch()
    (scanned / "log dangles").mkdir()
    (scanned / "log dangles/log").symlink_to("nowhere")
    (scanned / "log loops").mkdir()
    (scanned / "log loops/log").symlink_to("log")
    (scanned / "file").touch()
    (scanned / "dangling").symlink_to("nowhere")
    (scanned / "loop").symlink_to("loop")
    (scanned / "through a file").symlink_to("file/x")
    (scanned / "second").symlink_to("logged")
    (scanned / "third").symlink_to("logged")
    os.mkfifo(scanned / "fifo")
    Path(os.fsdecode(bytes(scanned) + b"/\xff\x01")).mkdir()
    mine = compare(oracle, scanned, tmp_path)
    assert len(mine.told()) == 13
    assert len(mine.lines()) == 4


@pytest.mark.parametrize("seed", range(4))
def test_generated_directories(oracle: Oracle, tmp_path: Path, seed: int) -> None:
    choose = random.Random(seed)
    scanned = tmp_path / "scanned"
    scanned.mkdir()
    (tmp_path / "services").mkdir()
    for number in range(choose.randrange(4, 12)):
        make_entry(choose, scanned, tmp_path / "services" / str(number))
    compare(oracle, scanned, tmp_path)


def make_entry(choose: random.Random, scanned: Path, service: Path) -> None:
    """Make a service, or what looks like one, and up to three links to it."""
    kind = choose.choice(["directory", "directory", "directory", "file", "nothing"])
    log = choose.choice(["directory", "file", "dangling", "loop", "nothing"])
    if kind == "file":
        service.touch()
    elif kind == "directory":
        service.mkdir()
        if log == "directory":
            (service / "log").mkdir()
        elif log == "file":
            (service / "log").touch()
        elif log != "nothing":
            (service / "log").symlink_to("log" if log == "loop" else "nowhere")
    for _ in range(choose.randrange(1, 4)):
        name = choose.choice(["", "", "", "."]) + "".join(
            choose.choices("ab.- \n\\%", k=choose.randrange(1, 6))
        )
        if name not in (".", "..") and not (scanned / name).is_symlink():
            (scanned / name).symlink_to(service)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["."],
        ["", "x"],
        ["sub", "nowhere", "--in-process"],
        ["nowhere"],
        ["file"],
        ["loop"],
        ["-h"],
        ["--"],
    ],
    ids=str,
)
def test_operands(oracle: Oracle, tmp_path: Path, arguments: "list[str | bytes]") -> None:
    scanned = tmp_path / "scanned"
    (scanned / "sub" / "inner").mkdir(parents=True)
    (scanned / "file").touch()
    (scanned / "loop").symlink_to("loop")
    compare(oracle, scanned, tmp_path, arguments=arguments)


@pytest.mark.parametrize(
    "path", ["", "/nonexistent", "/nonexistent:/etc/passwd", "/etc/passwd:/usr/bin", "DIRECTORY:/nonexistent"]
)
def test_supervise_that_cannot_be_executed(oracle: Oracle, tmp_path: Path, path: str) -> None:
    scanned = tmp_path / "scanned"
    for name in ("a/log", "b"):
        (scanned / name).mkdir(parents=True)
    (tmp_path / "tools" / "supervise").mkdir(parents=True)
    compare(oracle, scanned, tmp_path, path=path.replace("DIRECTORY", str(tmp_path / "tools")))


def test_relative_path_is_looked_up_where_the_supervisor_will_be(oracle: Oracle, tmp_path: Path) -> None:
    scanned = tmp_path / "scanned"
    (scanned / "a" / "log").mkdir(parents=True)
    mine = compare(oracle, scanned, tmp_path, path="../mine:/nonexistent")
    assert len(mine.told()) == 1
    assert mine.lines() == [b"svscan: warning: unable to start supervise a/log: file does not exist"]


# svscan that has loaded all it needs before it becomes another user.
LATE = """
import os, sys, ucspi.service.startclassic, ucspi.unix.rlimits
from resource import RLIMIT_NPROC, setrlimit
from ucspi.programs.svscan import main
os.setgid(54321)
os.setuid(54321)
setrlimit(RLIMIT_NPROC, (1, 1))
sys.argv[0] = "svscan"
main()
"""


def limit(number: int, most: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(number, (most, most))


@pytest.fixture
def open_place() -> Iterator[Path]:
    """Give a directory that every user may enter, and all above it."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


class TestLimits:
    def test_descriptors(self, oracle: Oracle, tmp_path: Path) -> None:
        """Ours needs three more, to start a logger with."""
        scanned = tmp_path / "scanned"
        for number in range(10):
            (scanned / f"s{number}" / "log").mkdir(parents=True)
        (scanned / "unlogged").mkdir()
        most = 16  # 0, 1, 2, the directory, and six pipes
        its = both(oracle)[1]
        with (
            Scan(
                ours("svscan"), scanned, tmp_path / "mine", before=limit(resource.RLIMIT_NOFILE, most + 3)
            ) as mine,
            Scan(its, scanned, tmp_path / "original", before=limit(resource.RLIMIT_NOFILE, most)) as original,
        ):
            assert mine.wait().told() == original.wait().told()
            assert len(mine.told()) == 6 + 6 + 1
            assert mine.lines() == original.lines()
            assert mine.lines()[0].endswith(b": process cannot open more files")

    def test_soft_limit_is_raised_for_svscan_alone(self, tmp_path: Path) -> None:
        scanned = tmp_path / "scanned"
        for number in range(10):
            (scanned / f"s{number}" / "log").mkdir(parents=True)
        soft = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (16, 1000))  # noqa: E731
        with Scan(ours("svscan"), scanned, tmp_path / "mine", before=soft) as mine:
            assert len(mine.wait().told()) == 20
            for pid in mine.pids():
                assert resource.prlimit(pid, resource.RLIMIT_NOFILE) == (16, 1000)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user with no process")
    def test_processes(self, oracle: Oracle, open_place: Path) -> None:
        def become_limited() -> None:
            os.setgid(54321)
            os.setuid(54321)
            resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))

        scanned = open_place / "scanned"
        for name in ("a/log", "b"):
            (scanned / name).mkdir(parents=True)
        # Where this interpreter and its library are, that user may not look.
        late = [sys.executable, "-c", LATE]
        with (
            Scan(late, scanned, open_place / "mine") as mine,
            Scan(both(oracle)[1], scanned, open_place / "original", before=become_limited) as original,
        ):
            assert mine.wait().lines() == original.wait().lines()
            assert sorted(mine.lines()) == [
                b"svscan: warning: unable to fork for %s: temporary failure" % name for name in (b"a", b"b")
            ]

    @pytest.mark.slow  # two thousand processes
    def test_services(self, oracle: Oracle, tmp_path: Path) -> None:
        scanned = tmp_path / "scanned"
        for number in range(1003):
            (scanned / f"{number:04}").mkdir(parents=True)
        mine = compare(oracle, scanned, tmp_path, path="/nonexistent")
        assert len([line for line in mine.lines() if b"too many services" in line]) == 3
