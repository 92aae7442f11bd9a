"""The tools and a cdb64: what they say of it is what the originals say of a cdb with the same records."""

import os
from pathlib import Path
from random import Random

import pytest

from tests.support.cdbfiles import build, text
from tests.support.commands import ours, run, run_file
from tests.support.oracles import Oracle
from ucspi.cdb import Reader
from ucspi.cdb._core import CORE

pytestmark = pytest.mark.sampled(3)

PAIRS = [
    (b"one", b"Hello"),
    (b"a key whose hash is long", b"Goodbye"),
    (b"one", b"again"),
    (b"", b"nothing"),
    (b"a\0", b"\n" * 3),
]
MANY = [(b"the key with number %d" % (number % 500), b"x" * (number % 7)) for number in range(700)]
MAKERS = ["cdbmake", "cdbmake-12", "cdbmake-sv"]
WIDE = ["cdb64", "cdblib64"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a directory with the same records in every format."""
    for name, pairs in (("a", PAIRS), ("many", MANY), ("empty", [])):
        for form in ("cdb", *WIDE):
            (tmp_path / f"{name}.{form}").write_bytes(build(pairs, CORE, form))
    return tmp_path


def labelled(answer: bytes) -> dict[bytes, int]:
    """Return what cdbstats or cdbtest print."""
    rows = (line.replace(b":", b"").rsplit(None, 1) for line in answer.splitlines())
    return {label: int(count) for label, count in rows}


@pytest.mark.slow
@pytest.mark.oracle
@pytest.mark.parametrize("name", ["a", "many", "empty"])
@pytest.mark.parametrize("form", WIDE)
@pytest.mark.parametrize(
    ("original", "arguments"),
    [
        ("cdbdump", []),
        ("cdbget", ["one"]),
        ("cdbget", ["one", "1"]),
        ("cdbget", ["the key with number 3", "1"]),
        ("cdbget", ["a key whose hash is long"]),
        ("cdbget", ["a key whose hash is long but absent"]),
        ("cdb", ["-d"]),
        ("cdb", ["-dm"]),
        ("cdb", ["-l"]),
        ("cdb", ["-lm"]),
    ],
)
def test_records_are_shown_as_the_originals_show_them_of_a_cdb(
    oracle: Oracle, place: Path, name: str, form: str, original: str, arguments: list[str]
) -> None:
    expected = run_file([oracle(original), *arguments], place, place / f"{name}.cdb")
    assert expected[0] in (0, 100)
    command = [*ours(original), *arguments]
    assert run_file(command, place, place / f"{name}.{form}") == expected
    assert run(command, place, (place / f"{name}.{form}").read_bytes()) == expected  # through a pipe


@pytest.mark.oracle
@pytest.mark.parametrize("form", WIDE)
@pytest.mark.parametrize("arguments", ["-qm a.F one", "-q -n2 a.F one", "-q a.F three", "-dm a.F", "-l a.F"])
def test_named_file_is_read_as_the_original_reads_a_cdb(
    oracle: Oracle, place: Path, form: str, arguments: str
) -> None:
    expected = run([oracle("cdb"), *arguments.replace("F", "cdb").split()], place)
    assert run([*ours("cdb"), *arguments.replace("F", form).split()], place) == expected


@pytest.mark.parametrize("form", WIDE)
def test_statistics_count_the_distances_of_its_own_hash(place: Path, form: str) -> None:
    image = (place / f"many.{form}").read_bytes()
    distances = Reader(image).stats().distances
    counted = labelled(run(ours("cdbstats"), place, image)[1])
    assert list(counted.values()) == [700, *distances]
    answer = run([*ours("cdb"), "-s", f"many.{form}"], place)[1]
    assert b"number of records: 700\n" in answer
    assert b"/1400/%d\n" % (700 - distances[0]) in answer
    assert b" d0: %6d" % distances[0] in answer


@pytest.mark.parametrize("form", WIDE)
def test_every_record_is_found_by_cdbtest(place: Path, form: str) -> None:
    counted = labelled(run_file(ours("cdbtest"), place, place / f"many.{form}")[1])
    assert list(counted.values()) == [500, 200, 0, 0, 0]


@pytest.mark.parametrize("command", [["cdbdump"], ["cdbstats"], ["cdbtest"]])
@pytest.mark.parametrize("length", [0, 2048, 4095, 4100])
def test_truncated_cdb64_is_called_so(place: Path, command: list[str], length: int) -> None:
    image = (place / "a.cdb64").read_bytes()[:length]
    code, _, complaint = run(ours(command[0]), place, image)
    assert code == 111
    assert complaint == b"%b: fatal: unable to read input: truncated file\n" % command[0].encode()


def test_query_of_a_cdb64_shorter_than_its_header_is_a_protocol_error(place: Path) -> None:
    (place / "short").write_bytes((place / "a.cdb64").read_bytes()[:3000])
    complaint = b"cdb: unable to open database `short': Protocol error\n"
    assert run([*ours("cdb"), "-q", "short", "one"], place) == (111, b"", complaint)


@pytest.mark.parametrize("pairs", [[], PAIRS, MANY])
def test_cdbmake_makes_a_cdb64(place: Path, pairs: list[tuple[bytes, bytes]]) -> None:
    assert run([*ours("cdbmake"), "--64", "new", "t.tmp"], place, text(pairs)) == (0, b"", b"")
    assert (place / "new").read_bytes() == build(pairs, CORE, "cdb64")


def test_lines_and_services_make_a_cdb64(place: Path) -> None:
    assert run([*ours("cdbmake-12"), "--64", "new", "t.tmp"], place, b"a b\n") == (0, b"", b"")
    assert (place / "new").read_bytes() == build([(b"a", b"b")], CORE, "cdb64")
    assert run([*ours("cdbmake-sv"), "--64", "new", "t.tmp"], place, b"echo 7/tcp\n") == (0, b"", b"")
    services = [(b"@7/tcp", b"echo"), (b"echo/tcp", b"7")]
    assert (place / "new").read_bytes() == build(services, CORE, "cdb64")


@pytest.mark.parametrize("program", MAKERS)
def test_option_counts_as_the_first_argument_only(place: Path, program: str) -> None:
    """A row of docs/differences.md."""
    usage = (100, b"", b"cdbmake: usage: cdbmake f ftmp\n")
    assert run([*ours(program), "--64", "new"], place, b"\n") == usage
    assert run([*ours(program), "--64"], place, b"\n") == usage
    assert run([*ours(program), "./--64", "t.tmp"], place, b"\n") == (0, b"", b"")
    assert (place / "--64").read_bytes() == build([], CORE)
    assert run([*ours(program), "new", "--64"], place, b"\n") == (0, b"", b"")
    assert (place / "new").read_bytes() == build([], CORE)
    assert b"--64" in run([*ours(program), "--help"], place)[1]


@pytest.mark.parametrize("program", MAKERS)
def test_misspelt_option_costs_no_file(place: Path, program: str) -> None:
    """As the name of a file it would have the temporary, here the database, moved away."""
    (place / "data.cdb").write_bytes(b"old")
    line = b"cdbmake: fatal: unknown option --46; a file of that name is ./--46\n"
    for arguments in (["--46", "data.cdb", "data.tmp"], ["--64", "--46", "data.cdb"], ["--46"]):
        assert run([*ours(program), *arguments], place, b"\n") == (100, b"", line)
    assert (place / "data.cdb").read_bytes() == b"old"
    assert not (place / "--46").exists()


@pytest.mark.parametrize("arguments", ["-c --64 z in", "--64 -c z in", "-c z --64 in", "-cw --64 z in"])
def test_cdb_makes_a_cdb64(place: Path, arguments: str) -> None:
    """A row of docs/differences.md."""
    (place / "in").write_bytes(text(PAIRS[:2]))
    assert run([*ours("cdb"), *arguments.split()], place) == (0, b"", b"")
    assert (place / "z").read_bytes() == build(PAIRS[:2], CORE, "cdb64")


def test_option_may_be_the_name_of_a_file_behind_two_dashes(place: Path) -> None:
    assert run([*ours("cdb"), "-c", "--", "--64"], place, b"\n") == (0, b"", b"")
    assert (place / "--64").read_bytes() == build([], CORE)


@pytest.mark.oracle
@pytest.mark.parametrize("letters", ["w", "r", "u", "0", "rw", "u0w"])
def test_duplicates_are_treated_as_the_original_treats_them_in_a_cdb(
    oracle: Oracle, place: Path, letters: str
) -> None:
    random = Random(64)
    for number in range(4):
        pairs = [
            (b"a long key %d" % random.randrange(12), random.randbytes(random.choice([0, 3, 40])))
            for _ in range([1, 3, 30, 200][number])
        ]
        expected = run([oracle("cdb"), f"-c{letters}", "theirs"], place, text(pairs))
        assert run([*ours("cdb"), f"-c{letters}", "--64", "mine"], place, text(pairs)) == expected
        reader, original = (Reader((place / name).read_bytes()) for name in ("mine", "theirs"))
        assert reader.format == "cdb64"
        assert reader.check() is None
        assert list(reader.records()) == list(original.records())
        for key in original:
            assert list(reader.get_all(key)) == list(original.get_all(key))


def test_mode_and_temporary_are_those_of_a_cdb(place: Path) -> None:
    (place / "in").write_bytes(text(PAIRS))
    for letters in (["-c"], ["-cr"]):
        assert run([*ours("cdb"), *letters, "--64", "-p", "0600", "-t", "t", "z", "in"], place) == (
            0,
            b"",
            b"",
        )
        assert os.stat(place / "z").st_mode & 0o777 == 0o600
        assert not (place / "t").exists()
