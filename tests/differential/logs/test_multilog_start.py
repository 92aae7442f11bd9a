"""What multilog makes of what it finds when it starts, against the original."""

import itertools
import os
import random
from pathlib import Path

import pytest

from tests.differential.logs.compared import prepare, results, same
from tests.support.logtrees import mistakes
from tests.support.oracles import Oracle

pytestmark = [pytest.mark.oracle, pytest.mark.sampled(3)]

WHOLE, OPEN = 0o744, 0o644
KINDS = ["directory", "fifo", "dangling", "loop"]
States = dict[str, tuple[int, bytes]]

# Each transient file in each state that a crash can leave.
STATES: list[States] = [
    {name: (mode, name.encode() + b"\n") for name, mode in zip(names, modes, strict=True)}
    for names in [
        (),
        ("current",),
        ("previous",),
        ("current", "previous"),
        ("current", "previous", "processed"),
        ("previous", "processed", "newstate"),
        ("current", "state"),
        ("current", "previous", "processed", "newstate", "state"),
    ]
    for modes in itertools.product(
        *[(WHOLE, OPEN) if n in ("current", "processed") else (OPEN,) for n in names]
    )
]


@pytest.mark.parametrize(
    "files", STATES, ids=lambda files: "-".join(f"{n}{m[0]:o}" for n, m in files.items())
)
def test_what_a_crash_leaves_is_put_in_order_alike(oracle: Oracle, files: States, tmp_path: Path) -> None:
    prepare(tmp_path, files)
    same(oracle, [b"./log"], tmp_path, b"new\n")


def test_file_that_has_its_last_name_already_only_loses_the_other(oracle: Oracle, tmp_path: Path) -> None:
    prepare(tmp_path, {"previous": (WHOLE, b"previous\n"), "current": (WHOLE, b"x\n")})
    for name in ("ours", "original"):
        log = tmp_path / name / "log"
        (log / "current").chmod(OPEN)
        os.link(log / "previous", log / ("@" + "4" * 24 + ".s"))
    same(oracle, [b"./log"], tmp_path, b"")


@pytest.mark.parametrize(
    "size", [b"9" * 5000, b"0" * 5000 + b"5000", b"%d" % ((1 << 64) + 5000), b"1" * 1001 + b"x", b""]
)
def test_number_may_have_any_length(oracle: Oracle, size: bytes, tmp_path: Path) -> None:
    """The original keeps what is below 2^64 of it."""
    same(oracle, [b"s" + size, b"n" + size, b"./log"], tmp_path, b"x" * 70 + b"\n" * 200)


def test_old_files_go_and_junk_counts(oracle: Oracle, tmp_path: Path) -> None:
    names = [f"@{number:024x}.{suffix}" for number in range(4) for suffix in "su"]
    junk = ["@" + "z" * 30, "@short", "@" + "0" * 24, "@" + "0" * 24 + ".much-longer", "other"]
    prepare(tmp_path, dict.fromkeys(names + junk, (OPEN, b"")))
    same(oracle, [b"n5", b"./log"], tmp_path, b"")
    same(oracle, [b"n3", b"s4096", b"./log"], tmp_path, b"x\n" * 3000)


def test_file_too_large_is_ended_by_the_first_line(oracle: Oracle, tmp_path: Path) -> None:
    prepare(tmp_path, {"current": (WHOLE, b"y" * 5000)})
    same(oracle, [b"s4096", b"./log"], tmp_path, b"")
    same(oracle, [b"s4096", b"./log"], tmp_path, b"x\n")


@pytest.mark.parametrize(
    "actions",
    [
        [b"./log", b"./log"],
        [b"./log", b"./none/log"],
        [b"./file"],
        [b"/dev/null"],
        [b"=none/file", b"./log"],
        [b"=directory"],
        [b"="],
        [b"."],
        [b"./loop"],
        [b"=loop"],
        [b"./log", b"=fifo"],
        [b"./fifo"],
        [b"./" + b"x" * 300],
        [b"./link"],
    ],
    ids=lambda actions: b" ".join(actions).decode()[:30],
)
def test_what_cannot_be_opened_is_told_alike(oracle: Oracle, actions: list[bytes], tmp_path: Path) -> None:
    for name in ("ours", "original"):
        where = tmp_path / name
        (where / "directory").mkdir(parents=True)
        (where / "file").write_bytes(b"")
        (where / "loop").symlink_to("loop")
        (where / "link").symlink_to("directory")
        os.mkfifo(where / "fifo")
    same(oracle, actions, tmp_path, b"x\n")


# Both wait until somebody removes these.
WAITED_FOR = {("previous", "directory"), ("previous", "loop"), ("processed", "directory")}
STRANGE = set(itertools.product(["current", "state", "lock", "processed", "previous", "newstate"], KINDS))


@pytest.mark.parametrize(("name", "kind"), sorted(STRANGE - WAITED_FOR))
def test_strange_files_in_the_log_are_treated_alike(
    oracle: Oracle, name: str, kind: str, tmp_path: Path
) -> None:
    for side in ("ours", "original"):
        log = tmp_path / side / "log"
        log.mkdir(parents=True)
        path = log / name
        if kind == "directory":
            path.mkdir()
        elif kind == "fifo":
            os.mkfifo(path)
        else:
            path.symlink_to(name if kind == "loop" else "nowhere")
    same(oracle, [b"./log"], tmp_path, b"x\n")


def test_any_arguments_are_a_script(oracle: Oracle, tmp_path: Path) -> None:
    chance = random.Random(5)
    for number in range(6):
        actions = [bytes(chance.choices(b"tT-+*=!sn09azx", k=chance.randint(0, 4))) for _ in range(4)]
        actions = [action for action in actions if action[:1] != b"!"] + [
            b"s99999999999999999999999",
            b"./log",
        ]
        where = tmp_path / str(number)
        where.mkdir()
        same(oracle, actions, where, b"t\nx\n\n*\n")


@pytest.mark.parametrize(
    "size",
    [b"s", b"s0", b"s4095", b"s4097", b"s8000x", b"sx", b"s-1", b"s+9", b"s18446744073709556616", b"s 9000"],
)
def test_sizes_are_read_alike(oracle: Oracle, size: bytes, tmp_path: Path) -> None:
    same(oracle, [size, b"./log"], tmp_path, b"x" * 99 + b"\n" + b"yyy\n" * 5000)


@pytest.mark.parametrize(
    "count", [b"n", b"n0", b"n1", b"n2", b"n3x", b"nx", b"n18446744073709551619", b"n4294967299"]
)
def test_counts_are_read_alike(oracle: Oracle, count: bytes, tmp_path: Path) -> None:
    same(oracle, [count, b"s4096", b"./log"], tmp_path, b"yyy\n" * 4000)


def test_no_script_reads_everything(oracle: Oracle, tmp_path: Path) -> None:
    mine, original = results(oracle, [], tmp_path, b"x\n" * 100000)
    assert mine == original == ((0, b"", mistakes([])), [])


def test_last_line_of_a_longer_file_keeps_what_follows(oracle: Oracle, tmp_path: Path) -> None:
    for name in ("ours", "original"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "last").write_bytes(b"#" * 2000)
    same(oracle, [b"=last"], tmp_path, b"x\n" + b"y" * 1500 + b"\nz")
