"""``cdb``: whole runs of ours and tinycdb's."""

import os
import resource
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

import pytest

from tests.support.cdbfiles import build, text
from tests.support.commands import Outcome, ours, run
from tests.support.oracles import Oracle
from ucspi import __version__
from ucspi.cdb import Reader
from ucspi.cdb._core import CORE

pytestmark = pytest.mark.sampled(5)

PAIRS = [(b"one", b"Hello"), (b"two", b"Goodbye"), (b"one", b"again"), (b"", b""), (b"a\0", b"\n" * 3)]
TEXT = text(PAIRS)
IMAGE = build(PAIRS, CORE)
RECORDS_END = int.from_bytes(IMAGE[:4], "little")
MANY = build([(b"%d" % (number % 500), b"x" * (number % 7)) for number in range(700)], CORE)
TWICE = text([(b"a", b"1"), (b"b", b"2"), (b"a", b"33"), (b"c", b"4"), (b"a", b"5")])
OURS = ours("cdb")
DUPLICATES = ["w", "r", "u", "0", "rw", "ur", "ru", "u0w", "w0", "rr"]


@pytest.fixture
def tiny(oracle: Oracle) -> list[str]:
    """Return the original as the beginning of a command."""
    return [oracle("cdb")]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a directory with databases and inputs."""
    (tmp_path / "a.cdb").write_bytes(IMAGE)
    (tmp_path / "many.cdb").write_bytes(MANY)
    (tmp_path / "empty.cdb").write_bytes(build([], CORE))
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "in1").write_bytes(text(PAIRS[:2]))
    (tmp_path / "in2").write_bytes(text(PAIRS[2:]) + b"junk")
    (tmp_path / "directory").mkdir()
    return tmp_path


def snapshot(place: Path) -> dict[str, tuple[int, bytes]]:
    """Return mode and bytes of each file, of one that may not be read, too."""
    found = {}
    for path in place.iterdir():
        mode = path.lstat().st_mode
        if not path.is_symlink():
            path.chmod(mode | 0o700)
        found[path.name] = mode, b"" if path.is_dir() else path.read_bytes()
    return found


def both(
    tiny: list[str], tmp_path_factory: pytest.TempPathFactory, arguments: list[str], stdin: bytes = b""
) -> tuple[Outcome, Outcome, dict[str, tuple[int, bytes]], dict[str, tuple[int, bytes]]]:
    """Run ours and the original in new directories; return outcomes and files."""
    places = [tmp_path_factory.mktemp("cdb") for _ in range(2)]
    for directory in places:
        (directory / "in1").write_bytes(text(PAIRS[:2]))
        (directory / "in2").write_bytes(text(PAIRS[2:]) + b"junk")
    outcomes = [
        run([*command, *arguments], directory, stdin)
        for command, directory in zip((OURS, tiny), places, strict=True)
    ]
    return outcomes[0], outcomes[1], snapshot(places[0]), snapshot(places[1])


@pytest.mark.oracle
@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "x",
        "-",
        "--",
        "-x",
        "-qx",
        "-a",
        "-:",
        "-c -1",
        "-é",
        "-p",
        "-qn",
        "-m",
        "-q",
        "-q a.cdb",
        "-q a.cdb one x",
        "-qd",
        "-dl",
        "-sc",
        "-qdx",
        "-q -n 0 a.cdb one",
        "-q -n x a.cdb one",
        "-q -n -1 a.cdb one",
        "-q -n 08 a.cdb one",
        "-q -n 0x a.cdb one",
        "-qn1m a.cdb one",
        "-d -n x a.cdb",
        "-c",
        "-d a b",
        "-l a b",
        "-s a b",
        "-cp 644 z.cdb",
        "-cp 01000 z.cdb",
        "-cp -1 z.cdb",
        "-cp 0644x z.cdb",
        "-cp 0b1 z.cdb",
        "-cp 1_0 z.cdb",
        "-- -d a.cdb",
        "--help a.cdb",
        "-d missing",
        "-l missing",
        "-s missing",
        "-q missing k",
        "-q directory k",
        "-q empty k",
        "-q - k",
        "-d directory",
        "-s directory",
        "-c z.cdb missing",
        "-c missing/z.cdb in1",
        "-c -t missing/t z.cdb in1",
        "-c -t t missing/z.cdb in1",
        "-c directory in1",
        "-c -t directory z.cdb in1",
    ],
)
def test_complaint_and_exit_code_are_the_same(tiny: list[str], place: Path, arguments: str) -> None:
    expected = run([*tiny, *arguments.split()], place)
    assert expected[0] in (2, 111)
    assert run([*OURS, *arguments.split()], place) == expected


@pytest.mark.oracle
@pytest.mark.parametrize(
    "arguments", [["-q", "-n", "", "a.cdb", "one"], ["-c", "-t", "", "z.cdb", "in1"], ["-cp", " ", "z"]]
)
def test_complaint_about_an_empty_or_blank_value_is_the_same(
    tiny: list[str], place: Path, arguments: list[str]
) -> None:
    expected = run([*tiny, *arguments], place)
    assert expected[0] in (2, 111)
    assert run([*OURS, *arguments], place) == expected


@pytest.mark.oracle
@pytest.mark.parametrize(
    "arguments",
    [
        "-q a.cdb one",
        "-q a.cdb three",
        "a.cdb one -q",
        "a.cdb -q -- one",
        "-qm a.cdb one",
        "-qq a.cdb a",
        "-q -n1 a.cdb one",
        "-q -n 2 a.cdb one",
        "-q -n 3 a.cdb one",
        "-mqn 0x2 a.cdb one",
        "-q -n 02 a.cdb one",
        "-q -n +1 a.cdb one",
        "-q -n1 -n2 a.cdb one",
        "-qwert x a.cdb one",
        "-d a.cdb",
        "a.cdb -d",
        "-d a.cdb -m",
        "-dm many.cdb",
        "-l a.cdb",
        "-lm a.cdb",
        "-l many.cdb",
        "-d empty.cdb",
        "-dm empty.cdb",
        "-l empty.cdb",
        "-s a.cdb",
        "-s many.cdb",
        "-sm empty.cdb",
    ],
)
def test_answer_is_the_same(tiny: list[str], place: Path, arguments: str) -> None:
    expected = run([*tiny, *arguments.split()], place)
    assert expected[0] in (0, 100)
    assert run([*OURS, *arguments.split()], place) == expected


@pytest.mark.oracle
def test_empty_key_and_empty_data_are_found(tiny: list[str], place: Path) -> None:
    for command in (tiny, OURS):
        assert run([*command, "-q", "a.cdb", ""], place) == (0, b"", b"")
        assert run([*command, "-qm", "a.cdb", ""], place) == (0, b"\n", b"")


@pytest.mark.oracle
def test_options_end_at_the_first_operand_where_posix_wants_it(tiny: list[str], place: Path) -> None:
    for arguments in (["-d", "a.cdb", "-m"], ["a.cdb", "-d"]):
        expected = run([*tiny, *arguments], place, POSIXLY_CORRECT="1")
        assert expected[0] == 2
        assert run([*OURS, *arguments], place, POSIXLY_CORRECT="1") == expected


@pytest.mark.oracle
@pytest.mark.parametrize("mode", ["-d", "-s", "-lm"])
@pytest.mark.parametrize(
    "image",
    [
        IMAGE,
        IMAGE + b"junk",
        b"",
        IMAGE[:2047],
        IMAGE[:2056],
        IMAGE[: RECORDS_END - 1],
        bytes(8) + IMAGE[8:],
        (RECORDS_END + 4).to_bytes(4, "little") + IMAGE[4:],
        (RECORDS_END - 1).to_bytes(4, "little") + IMAGE[4:],
    ],
    ids=["whole", "tail", "empty", "header", "head", "data", "zeros", "beyond", "before"],
)
def test_standard_input_gives_the_same(tiny: list[str], place: Path, mode: str, image: bytes) -> None:
    expected = run([*tiny, mode], place, image)
    outcome = run([*OURS, mode, "-"], place, image)
    assert (outcome[0], outcome[2]) == (expected[0], expected[2])
    assert expected[1].startswith(outcome[1])
    assert expected[0] or outcome == expected


@pytest.mark.oracle
def test_hash_tables_that_do_not_follow_each_other_are_damage_for_stats(tiny: list[str], place: Path) -> None:
    table = 255 * 8
    for damaged in (
        IMAGE[:16] + b"\0" + IMAGE[17:],
        IMAGE[: table + 4] + b"\x7f" + IMAGE[table + 5 :],
        IMAGE[:-1],
    ):
        expected = run([*tiny, "-s"], place, damaged)
        assert expected[0] in (2, 111)
        assert run([*OURS, "-s"], place, damaged) == expected


@pytest.mark.oracle
def test_statistics_of_generated_databases_are_the_same(tiny: list[str], place: Path) -> None:
    random = Random(78)
    for _ in range(12):
        pairs = [
            (random.randbytes(random.choice([0, 1, 1, 3, 9])), b"x" * random.choice([0, 1, 5, 300]))
            for _ in range(random.choice([1, 2, 30, 900]))
        ]
        expected = run([*tiny, "-s"], place, build(pairs, CORE))
        assert run([*OURS, "-s"], place, build(pairs, CORE)) == expected


@pytest.mark.oracle
def test_records_that_were_zeroed_count_as_collisions(tiny: list[str], place: Path) -> None:
    run([*tiny, "-c0", "z.cdb"], place, TWICE)
    expected = run([*tiny, "-s", "z.cdb"], place)
    assert b"collisions: 3/6/2\n" in expected[1]
    assert run([*OURS, "-s", "z.cdb"], place) == expected


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        ("-c z.cdb", TEXT),
        ("-c z.cdb", b"\n"),
        ("-c z.cdb in1 in2", b""),
        ("-c z.cdb in1 - in2", TEXT),
        ("z.cdb in1 -c", b""),
        ("-c -t t z.cdb in1", b""),
        ("-c -t - z.cdb in1", b""),
        ("-c -t z.cdb z.cdb in1", b""),
        ("-c -t in2 z.cdb in1", b""),
        ("-c -p 0600 z.cdb in1", b""),
        ("-c -p 0 z.cdb in1", b""),
        ("-c -p 0x1ff z.cdb in1", b""),
        ("-cm z.cdb", b"k d\n #c\n\n  key\t data  \n\t\n#\nlast"),
        ("-cm z.cdb", b"k d\r\nw\x0bx y\n\xa0 \xe4\nk again\n"),
        ("-cm z.cdb", b"k" * 9000 + b" " * 9000 + b"y" * 70000 + b"\nz\n"),
        ("-cmw z.cdb", b"a 1\na 2\na\n"),
        *((f"-c{letters} z.cdb", TWICE) for letters in DUPLICATES),
        *((f"-c{letters} z.cdb in1 in2", b"") for letters in DUPLICATES[:4]),
        *((f"-cp 0 -{letters} z.cdb", TWICE) for letters in "r0"),
        *((f"-c{letters} z.cdb", text(PAIRS[1:2])) for letters in "weru0"),
        ("-c0 z.cdb", text([(b"a", b"1")] * 4)),
        ("-cr z.cdb", text([(b"a", b"1")] * 4)),
    ],
)
def test_database_complaints_and_modes_are_the_same(
    tiny: list[str], tmp_path_factory: pytest.TempPathFactory, arguments: str, stdin: bytes
) -> None:
    outcome, expected, files, expected_files = both(tiny, tmp_path_factory, arguments.split(), stdin)
    assert outcome == expected
    assert expected[0] == 0
    assert files == expected_files


@pytest.mark.oracle
def test_generated_duplicates_give_the_same_databases(
    tiny: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    random = Random(79)
    for number in range(24):
        pairs = [
            (b"%d" % random.randrange(12), random.randbytes(random.choice([0, 3, 40])))
            for _ in range(random.choice([3, 30, 200]))
        ]
        arguments = ["-c" + "ru0"[number % 3] + "w" * (number & 1), "z.cdb"]
        outcome, expected, files, expected_files = both(tiny, tmp_path_factory, arguments, text(pairs))
        assert outcome == expected
        mode, image = files["z.cdb"]
        expected_mode, expected_image = expected_files["z.cdb"]
        assert mode == expected_mode
        assert image == expected_image[: len(image)]
        assert number % 3 == 0 or image == expected_image  # only -r leaves bytes at the end
        assert Reader(image).check() is None


@pytest.mark.oracle
def test_duplicate_stops_with_exit_1_where_it_is_forbidden(
    tiny: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    for letters in ("e", "we", "ue", "re"):
        arguments = ["-c" + letters, "z.cdb"]
        outcome, expected, files, expected_files = both(tiny, tmp_path_factory, arguments, TWICE)
        assert outcome == expected == (1, b"", b"cdb: key `a' duplicated\n")
        assert files.keys() == expected_files.keys() == {"in1", "in2", "z.cdb.tmp"}


@pytest.mark.oracle
def test_duplicate_that_is_forbidden_leaves_the_records_before_it(
    tiny: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    many = [(b"%d" % number, b"x" * 99) for number in range(2000)]
    for pairs in ([(b"a", b""), (b"a", b"1")], [*many, (b"7", b"")]):
        for arguments in (["-ce", "z.cdb"], ["-ceu", "-t-", "z.cdb"]):
            outcome, expected, files, expected_files = both(tiny, tmp_path_factory, arguments, text(pairs))
            assert (outcome, files) == (expected, expected_files)


@pytest.mark.oracle
@pytest.mark.parametrize(
    "stdin", [b"", b"x", b"+1", b"+1,1:", b"+1,1:a", b"+1,1:a->", b"+1,1:a->b", b"+1,1:a->b\n", b"+,0:->\n\n"]
)
def test_malformed_text_has_the_original_message_and_then_ours(
    tiny: list[str], tmp_path_factory: pytest.TempPathFactory, stdin: bytes
) -> None:
    outcome, expected, files, expected_files = both(tiny, tmp_path_factory, ["-c", "z.cdb"], stdin)
    assert outcome[:2] == expected[:2] == (2, b"")
    first, *second = outcome[2].splitlines(keepends=True)
    assert first == expected[2]
    assert bool(second) == (b"bad format" in first)
    assert all(line.startswith(b"(stdin): entry ") for line in second)
    assert files.keys() == expected_files.keys()


def test_bad_format_names_the_input_entry_byte_and_reason(place: Path) -> None:
    (place / "bad").write_bytes(b"+1,1:a->b\n+1,x")
    code, _, complaint = run([*OURS, "-c", "z.cdb", "bad"], place)
    assert code == 2
    assert complaint.splitlines() == [
        b"cdb: bad: bad format",
        b"bad: entry 2, byte 13: the data's length must be digits and end with a colon",
    ]


@pytest.mark.oracle
def test_temporary_that_is_a_symbolic_link_is_removed_and_not_followed(tiny: list[str], place: Path) -> None:
    for command in (tiny, OURS):
        (place / "z.cdb.tmp").symlink_to("elsewhere")
        assert run([*command, "-c", "z.cdb", "in1"], place) == (0, b"", b"")
        assert not (place / "elsewhere").exists()
        assert not (place / "z.cdb").is_symlink()


@pytest.mark.oracle
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o000, 0o477])
def test_umask_counts_unless_permissions_are_given(tiny: list[str], place: Path, mask: int) -> None:
    modes = []
    for command in (tiny, OURS):
        for letters in (["-c"], ["-cr"], ["-c", "-p", "0666"]):
            run([*command, *letters, "z.cdb"], place, TWICE, before=partial(os.umask, mask))
            modes.append((place / "z.cdb").stat().st_mode)
            (place / "z.cdb").unlink()
    assert modes[:3] == modes[3:]


def test_removed_records_leave_nothing_behind_the_last_table(place: Path) -> None:
    """A row of docs/differences.md: the original never truncates the file."""
    records = text([(b"big", b"x" * 100_000), (b"big", b"small")] + [(b"k", b"v"), (b"big", b"y")])
    assert run([*OURS, "-cr", "z.cdb"], place, records) == (0, b"", b"")
    assert (place / "z.cdb").read_bytes() == build([(b"k", b"v"), (b"big", b"y")], CORE)


def test_large_records_are_zeroed_or_removed_across_blocks(place: Path) -> None:
    pairs = [(b"%d" % (number % 7), b"%d" % number * 40_000) for number in range(20)]
    last = dict.fromkeys(key for key, _ in reversed(pairs))
    kept = [(key, next(data for other, data in reversed(pairs) if other == key)) for key in reversed(last)]
    assert run([*OURS, "-cr", "z.cdb"], place, text(pairs)) == (0, b"", b"")
    assert (place / "z.cdb").read_bytes() == build(kept, CORE)
    assert run([*OURS, "-c0", "z.cdb"], place, text(pairs)) == (0, b"", b"")
    reader = Reader((place / "z.cdb").read_bytes())
    assert reader.check() is None
    assert [record for record in reader.records() if record[0]] == kept
    assert all(not any(data) for key, data in reader.records() if not key)


def test_nul_in_a_plain_line_is_a_byte_like_any_other(place: Path) -> None:
    """A row of docs/differences.md: in the original it swallows the next line."""
    assert run([*OURS, "-cm", "z.cdb"], place, b"nu\0l d\0ata\nnext\n") == (0, b"", b"")
    assert (place / "z.cdb").read_bytes() == build([(b"nu\0l", b"d\0ata"), (b"next", b"")], CORE)


def test_input_that_cannot_be_read_is_not_bad_format(place: Path) -> None:
    """A row of docs/differences.md."""
    outcome = run([*OURS, "-c", "z.cdb", "directory"], place)
    assert outcome == (111, b"", b"cdb: directory: Is a directory\n")


def test_damage_met_by_a_query_is_always_a_protocol_error(place: Path) -> None:
    """A row of docs/differences.md: where a record lies outside, the original blames the usage."""
    (place / "d1").write_bytes(IMAGE[:RECORDS_END])
    record = IMAGE.index(b"one") - 4
    (place / "d2").write_bytes(IMAGE[:record] + b"\xff" * 4 + IMAGE[record + 4 :])
    for name in ("d1", "d2"):
        assert run([*OURS, "-q", name, "one"], place) == (111, b"", b"cdb: one: Protocol error\n")


def test_number_beyond_an_int_is_refused(place: Path) -> None:
    """A row of docs/differences.md: the original counts modulo 2**32."""
    for number in ("4294967297", "9" * 5000):
        code, _, complaint = run([*OURS, "-q", "-n", number, "a.cdb", "one"], place)
        assert (code, complaint.splitlines()[0]) == (2, b"cdb: invalid record number `%b'" % number.encode())


def test_length_beyond_any_file_is_bad_format(place: Path) -> None:
    code, _, complaint = run([*OURS, "-c", "z.cdb"], place, b"+4294967210,0:")
    assert (code, complaint.splitlines()[0]) == (2, b"cdb: (stdin): bad format")
    assert b"beyond the 4 GB" in complaint


@pytest.fixture
def full() -> Iterator[int]:
    """Give a descriptor that takes no byte."""
    fd = os.open("/dev/full", os.O_WRONLY)
    yield fd
    os.close(fd)


@pytest.mark.parametrize("arguments", ["-d a.cdb", "-dm a.cdb", "-l a.cdb", "-s a.cdb", "-q a.cdb one", "-h"])
def test_full_disk_is_one_clear_line(place: Path, full: int, arguments: str) -> None:
    """A row of docs/differences.md: the original adds a number that means nothing."""
    outcome = run([*OURS, *arguments.split()], place, stdout=full)
    assert outcome == (111, b"", b"cdb: unable to write: No space left on device\n")


def test_file_size_limit_is_reported_and_not_died_of(place: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    outcome = run([*OURS, "-c", "a.cdb"], place, TEXT, before=limit)
    assert outcome == (111, b"", b"cdb: cdb_make_finish: File too large\n")
    assert (place / "a.cdb").read_bytes() == IMAGE


@pytest.mark.oracle
@pytest.mark.parametrize("arguments", ["-d a.cdb", "-l a.cdb", "-s a.cdb", "-q a.cdb one"])
def test_pipe_that_nobody_reads_is_death_by_sigpipe(tiny: list[str], place: Path, arguments: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        for command in (tiny, OURS):
            outcome = run([*command, *arguments.split()], place, stdout=writer)
            assert outcome == (-signal.SIGPIPE, b"", b"")
    finally:
        os.close(writer)


@pytest.mark.parametrize("arguments", ["-h", "-qh", "-hx", "--help"])
def test_help_names_every_mode(place: Path, arguments: str) -> None:
    code, answer, complaint = run([*OURS, arguments], place)
    assert (code, complaint) == (0, b"")
    assert [line.split()[2] for line in answer.splitlines()[1:]] == [b"-q", b"-d", b"-l", b"-c", b"-s", b"-h"]


def test_version_alone_is_answered(place: Path) -> None:
    """A row of docs/differences.md."""
    assert run([*OURS, "--version"], place) == (0, f"ucspi {__version__}\n".encode(), b"")
