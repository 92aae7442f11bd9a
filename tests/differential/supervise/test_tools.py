"""svc, svok and svstat beside the originals, on supervisors of either kind."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.differential.supervise.conftest import Make
from tests.support.commands import ENVIRONMENT, Outcome, ours, run
from tests.support.examples import examples
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE, wait_for
from ucspi.programs import svstat
from ucspi.unix import tai

pytestmark = pytest.mark.sampled(3)

Pair = TypeVar("Pair")
NEW_WORDS = b"; --wait up|down|ready|finished, --timeout seconds"
NEW_LETTERS = b", q quit, 1 usr1, 2 usr2, w winch, b abrt" + NEW_WORDS  # in the usage of ours


def within_a_second(compare: Callable[[], Pair]) -> Pair:
    """Return what was found without the clock's second changing meanwhile.

    The original asks a clock that may be a tick behind.
    """
    for _ in range(20):
        begin = time.time()
        found = compare()
        if begin % 1 > 0.02 and int(time.time()) == int(begin):
            break
    return found


def outcomes(oracle: Oracle, program: str, arguments: list[str], where: Path) -> tuple[Outcome, Outcome]:
    """Run ours and the original."""
    return within_a_second(
        lambda: (run([*ours(program), *arguments], where), run([oracle(program), *arguments], where))
    )


@pytest.fixture
def strange(tmp_path: Path) -> Iterator[list[str]]:
    """Give directories in which something is missing, or is not what it should be."""
    where, readers = tmp_path, []
    (where / "file").touch()
    (where / "loop").symlink_to("loop")
    for name in ("empty", "bare", "dead", "short", "down-loop", "no-status", "directory"):
        (where / name).mkdir()
    for name in ("bare", "dead", "short", "no-status", "directory"):
        (where / name / "supervise").mkdir()
    for fifo in ("ok", "control"):
        for name in ("dead", "short", "no-status"):
            os.mkfifo(where / name / "supervise" / fifo)
        for read in ("short", "no-status"):
            readers.append(os.open(where / read / "supervise" / fifo, os.O_RDONLY | os.O_NONBLOCK))
        (where / "directory" / "supervise" / fifo).mkdir()
    (where / "short" / "supervise" / "status").write_bytes(b"x" * 17)
    (where / "down-loop" / "down").symlink_to("down")
    yield ["file", "absent", "loop", "empty", "bare", "dead", "short", "down-loop", "no-status", "directory"]
    for fd in readers:
        os.close(fd)


def test_svstat_of_strange_directories(tmp_path: Path, oracle: Oracle, strange: list[str]) -> None:
    mine, original = outcomes(oracle, "svstat", [*strange, "dead/", "./dead", ""], tmp_path)
    assert mine == original
    assert mine[1].count(b"\n") == len(strange) + 3


def test_svc_of_strange_directories(tmp_path: Path, oracle: Oracle, strange: list[str]) -> None:
    for options in ([], ["-u"], ["-ud", "-x"]):
        mine, original = outcomes(oracle, "svc", [*options, *strange], tmp_path)
        assert mine == original
        assert mine[0] == 0


def test_svok_of_strange_directories(tmp_path: Path, oracle: Oracle, strange: list[str]) -> None:
    codes = set()
    for name in [*strange, ""]:
        mine, original = outcomes(oracle, "svok", [name], tmp_path)
        assert mine == original, name
        codes.add(mine[0])
    assert codes == {0, 100, 111}


@pytest.mark.parametrize("program", ["svstat", "svok", "svc"])
@pytest.mark.parametrize("arguments", [[], ["-z"], ["-u", "-z", "x"], ["-"], ["--", "-u"], ["-uz"]])
def test_same_usage(tmp_path: Path, oracle: Oracle, program: str, arguments: list[str]) -> None:
    mine, original = outcomes(oracle, program, arguments, tmp_path)
    assert mine[:2] == original[:2]
    assert mine[2].replace(NEW_LETTERS, b"") == original[2]


def test_svc_refuses_long_options(tmp_path: Path, oracle: Oracle) -> None:
    """The original takes them for the end of the options, and a mistyped one passes."""
    mine, original = outcomes(oracle, "svc", ["--up", "absent"], tmp_path)
    assert (mine[0], original[0]) == (100, 0)


@pytest.mark.parametrize(
    "options", [["-ud"], ["-dud"], ["-xo", "-x"], ["-u", "-d", "--"], ["-kithacpodu"], []]
)
def test_letters_are_sent_once_in_the_order_given(tmp_path: Path, oracle: Oracle, options: list[str]) -> None:
    (tmp_path / "x" / "supervise").mkdir(parents=True)
    os.mkfifo(tmp_path / "x" / "supervise" / "control")
    fifo = os.open(tmp_path / "x" / "supervise" / "control", os.O_RDWR | os.O_NONBLOCK)
    sent = []
    for command in (ours("svc"), [oracle("svc")]):
        assert run([*command, *options, "x"], tmp_path) == (0, b"", b"")
        os.write(fifo, b".")
        sent.append(os.read(fifo, 100))
    os.close(fifo)
    assert sent[0] == sent[1]


@pytest.mark.parametrize("program", ["ours", "original"])
def test_full_fifo_is_waited_for(tmp_path: Path, oracle: Oracle, program: str) -> None:
    (tmp_path / "x" / "supervise").mkdir(parents=True)
    os.mkfifo(tmp_path / "x" / "supervise" / "control")
    fifo = os.open(tmp_path / "x" / "supervise" / "control", os.O_RDWR | os.O_NONBLOCK)
    assert os.write(fifo, b"Z" * 65536) == 65536
    command = ours("svc") if program == "ours" else [oracle("svc")]
    svc = subprocess.Popen([*command, "-u", "x"], cwd=tmp_path, env=ENVIRONMENT)
    try:
        wait_for(lambda: b"pipe" in Path(f"/proc/{svc.pid}/wchan").read_bytes(), "it waits")
        assert svc.poll() is None
        os.read(fifo, 65536)
        assert svc.wait(PATIENCE) == 0
        assert os.read(fifo, 10) == b"u"
    finally:
        svc.kill()
        svc.wait(PATIENCE)
        os.close(fifo)


@examples(100)
@given(
    record=st.binary(min_size=16, max_size=20)
    | st.builds(
        lambda age, tail: tai.pack(time.time_ns() - age * 10**9) + tail,
        st.integers(-5, 10**6),
        st.binary(min_size=6, max_size=6)
        | st.sampled_from([b"\1\0\0\0\0d", b"\0\0\0\0\0u", b"\1\0\0\0\1\0"]),
    ),
    down=st.booleans(),
)
def test_svstat_of_any_record(tmp_path: Path, oracle: Oracle, record: bytes, down: bool) -> None:
    """In one process, for speed; the program around it is compared above."""
    supervise = tmp_path / "x" / "supervise"
    if not supervise.exists():
        supervise.mkdir(parents=True)
        os.mkfifo(supervise / "ok")
    reader = os.open(supervise / "ok", os.O_RDONLY | os.O_NONBLOCK)
    (supervise / "status").write_bytes(record)
    (tmp_path / "x" / "down").unlink(missing_ok=True)
    if down:
        (tmp_path / "x" / "down").touch()
    name = bytes(tmp_path / "x")
    mine, original = within_a_second(
        lambda: (
            b"%s: %s\n" % (name, svstat.describe(name)),
            run([oracle("svstat"), str(tmp_path / "x")], tmp_path)[1],
        )
    )
    os.close(reader)
    assert mine == original


def test_all_tools_know_every_supervise(make: Make, oracle: Oracle, slow_supervise: list[str]) -> None:
    """Each tool of ours and each original, on a supervise of ours and on an original."""
    service = make("x", down=True).start(slow_supervise)
    where = service.directory.parent

    def agree(what: bytes) -> None:
        mine, original = outcomes(oracle, "svstat", ["x"], where)
        assert mine == original
        assert what in mine[1]
        assert outcomes(oracle, "svok", ["x"], where)[0] == outcomes(oracle, "svok", ["x"], where)[1]

    agree(b"x: down ")
    steps = [
        ("-o", b"\0\0", b"normally down"),
        ("-p", b"\1\0", b"paused"),
        ("-c", b"\0\0", b"normally down"),
        ("-d", b"\0d", b": down "),
    ]
    for number, (options, want, what) in enumerate(steps):
        command = [oracle("svc")] if number % 2 else ours("svc")
        assert run([*command, options, "x"], where) == (0, b"", b"")
        service.wait_for_state(up=options != "-d", tail=want)
        agree(what)
    run([*ours("svc"), "-x", "x"], where)
    assert service.wait_left() == 0
    agree(b"x: supervise not running\n")
