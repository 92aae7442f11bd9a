"""cdbmake, cdbdump, cdbget and cdbstats: whole runs of ours and the originals.

Usage is judged by the words of cdb 0.75, as freecdb's differ: see
docs/differences.md.
"""

import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cdbfiles import build, text
from tests.support.commands import ours, run, run_file
from tests.support.oracles import Oracle
from ucspi import __version__
from ucspi.cdb._core import CORE

pytestmark = pytest.mark.sampled(3)

PAIRS = [(b"one", b"Hello"), (b"two", b"Goodbye"), (b"one", b"again"), (b"", b"nothing"), (b"a\0", b"\n" * 3)]
TEXT = text(PAIRS)
IMAGE = build(PAIRS, CORE)
RECORDS_END = int.from_bytes(IMAGE[:4], "little")
OLD = build([], CORE)

MANY = build([(b"%d" % (number % 500), b"x" * (number % 7)) for number in range(700)], CORE)
LONG_KEYS = build([(b"k" * length, b"") for length in (1023, 1024, 1025, 1024)], CORE)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a directory with databases, a fifo and a directory in it."""
    (tmp_path / "old.cdb").write_bytes(OLD)
    (tmp_path / "a.cdb").write_bytes(IMAGE)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "directory").mkdir()
    return tmp_path


@pytest.fixture
def full() -> Iterator[int]:
    """Give a descriptor that takes no byte."""
    fd = os.open("/dev/full", os.O_WRONLY)
    yield fd
    os.close(fd)


@pytest.fixture
def unread() -> Iterator[int]:
    """Give the writing end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


class TestCdbmake:
    @pytest.mark.oracle
    @pytest.mark.parametrize(
        "arguments",
        [
            ["missing/old.cdb", "t.tmp"],
            ["directory", "t.tmp"],
            ["old.cdb", "missing/t.tmp"],
            ["old.cdb", "old.cdb/t.tmp"],
            ["old.cdb", "directory"],
            ["old.cdb", "fifo"],
            ["old.cdb", "/dev/null"],
            ["old.cdb", "/dev/full"],
            ["old.cdb", "x" * 300],
            ["old.cdb", "\udcff/t.tmp"],
        ],
    )
    def test_failure_has_the_original_message_and_exit_code(
        self, oracle: Oracle, place: Path, arguments: list[str]
    ) -> None:
        expected = run([oracle("cdbmake"), *arguments], place, TEXT)
        assert expected[0] == 111
        assert run([*ours("cdbmake"), *arguments], place, TEXT) == expected
        assert (place / "old.cdb").read_bytes() == OLD

    @pytest.mark.oracle
    def test_file_and_mode_are_the_same(self, oracle: Oracle, place: Path) -> None:
        made = []
        for command in ([oracle("cdbmake")], ours("cdbmake")):
            assert run([*command, "new.cdb", "t.tmp"], place, TEXT + b"junk") == (0, b"", b"")
            made.append(((place / "new.cdb").read_bytes(), (place / "new.cdb").stat().st_mode))
            (place / "t.tmp").write_bytes(b"x" * 9999)
            (place / "t.tmp").chmod(0o640)
            assert run([*command, "new.cdb", "t.tmp"], place, b"\n") == (0, b"", b"")
            made.append(((place / "new.cdb").read_bytes(), (place / "new.cdb").stat().st_mode))
        assert made[:2] == made[2:]
        assert made[0][0] == IMAGE

    @pytest.mark.oracle
    def test_temporary_is_opened_before_input_is_read_and_stays_after_a_failure(
        self, oracle: Oracle, place: Path
    ) -> None:
        for command in ([oracle("cdbmake")], ours("cdbmake")):
            assert run([*command, "old.cdb", "t.tmp"], place, b"x")[0] == 111
            assert (place / "t.tmp").read_bytes() == b""
            (place / "t.tmp").unlink()
        assert (place / "old.cdb").read_bytes() == OLD

    @pytest.mark.oracle
    def test_closed_input_cannot_be_read(self, oracle: Oracle, place: Path) -> None:
        """The original opens the temporary as descriptor 0 and then cannot read that: the same words."""
        arguments = ["old.cdb", "t.tmp"]
        expected = run([oracle("cdbmake"), *arguments], place, before=lambda: os.close(0))
        assert b": unable to read input: " in expected[2]
        assert run([*ours("cdbmake"), *arguments], place, before=lambda: os.close(0))[0] == expected[0]

    @pytest.mark.oracle
    def test_length_beyond_any_file_is_out_of_memory(self, oracle: Oracle, place: Path) -> None:
        expected = run([oracle("cdbmake"), "old.cdb", "t.tmp"], place, b"+4294967210,")
        assert run([*ours("cdbmake"), "old.cdb", "t.tmp"], place, b"+4294967210,") == expected
        assert expected[2] == b"cdbmake: fatal: unable to create t.tmp: out of memory\n"

    def test_bad_format_is_followed_by_entry_byte_and_reason(self, place: Path) -> None:
        outcome = run([*ours("cdbmake"), "old.cdb", "t.tmp"], place, b"+1,1:a->b\n+1,x")
        assert outcome[:2] == (111, b"")
        assert outcome[2].splitlines() == [
            b"cdbmake: fatal: unable to read input: entry 2: bad datalen format",
            b"stdin: entry 2, byte 13: the data's length must be digits and end with a colon",
        ]

    @pytest.mark.parametrize(
        "text",
        [
            *(b"+3,5:one->Hello\n"[:cut] for cut in range(16)),
            b"x",
            b"+x,1:",
            b"+1,x:",
            b"+1,1:a=>b\n",
            b"+1,1:a->bb\n",
            b"+1,1:a->b\nx",
            b"+1,1:a->b\n",
        ],
    )
    def test_first_line_about_malformed_input_is_the_original_s(
        self, oracle: Oracle, place: Path, text: bytes
    ) -> None:
        theirs = run([oracle("cdbmake"), "old.cdb", "t.tmp"], place, text)
        outcome = run([*ours("cdbmake"), "old.cdb", "t.tmp"], place, text)
        assert outcome[:2] == theirs[:2]
        assert outcome[2].splitlines()[:1] == theirs[2].splitlines()

    @pytest.mark.parametrize("arguments", [[], ["old.cdb"], ["-x"], [""]])
    def test_usage_is_that_of_cdb_0_75(self, place: Path, arguments: list[str]) -> None:
        expected = (100, b"", b"cdbmake: usage: cdbmake f ftmp\n")
        assert run([*ours("cdbmake"), *arguments], place) == expected

    def test_further_arguments_are_ignored_as_in_cdb_0_75(self, place: Path) -> None:
        assert run([*ours("cdbmake"), "new.cdb", "t.tmp", "more"], place, TEXT) == (0, b"", b"")
        assert (place / "new.cdb").read_bytes() == IMAGE

    def test_input_that_has_nothing_yet_is_not_taken_for_its_end(self, place: Path) -> None:
        reader, writer = os.pipe2(os.O_NONBLOCK)
        try:
            outcome = run([*ours("cdbmake"), "old.cdb", "t.tmp"], place, reader)
        finally:
            os.close(reader)
            os.close(writer)
        assert outcome == (111, b"", b"cdbmake: fatal: unable to read input: temporary failure\n")

    def test_file_size_limit_is_reported_and_not_died_of(self, place: Path) -> None:
        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

        outcome = run([*ours("cdbmake"), "old.cdb", "t.tmp"], place, TEXT, before=limit)
        assert outcome == (111, b"", b"cdbmake: fatal: unable to create t.tmp: file too big\n")
        assert (place / "old.cdb").read_bytes() == OLD


class TestCdbdump:
    @pytest.mark.oracle
    @pytest.mark.parametrize("image", [IMAGE, OLD, MANY, LONG_KEYS, IMAGE[:RECORDS_END], IMAGE + b"junk"])
    def test_output_is_the_same_through_a_pipe(self, oracle: Oracle, place: Path, image: bytes) -> None:
        expected = run([oracle("cdbdump")], place, image)
        assert expected[0] == 0
        assert run(ours("cdbdump"), place, image) == expected

    @pytest.mark.oracle
    @pytest.mark.parametrize("length", [0, 2047, 2048, 2056, 2060, RECORDS_END - 1])
    def test_truncated_file_has_the_original_message(self, oracle: Oracle, place: Path, length: int) -> None:
        expected = run([oracle("cdbdump")], place, IMAGE[:length])
        outcome = run(ours("cdbdump"), place, IMAGE[:length])
        assert (outcome[0], outcome[2]) == (expected[0], expected[2])
        assert outcome[2] == b"cdbdump: fatal: unable to read input: truncated file\n"
        assert expected[1].startswith(outcome[1])  # ours prints whole records only
        assert not outcome[1] or outcome[1].endswith(b"\n")

    @pytest.mark.parametrize("end", [0, 2047, RECORDS_END - 1, RECORDS_END + 4])
    def test_records_that_do_not_end_at_the_tables_are_refused(self, place: Path, end: int) -> None:
        """A row of docs/differences.md: freecdb dumps some of these with exit 0, the first two as empty."""
        code, _, complaint = run(ours("cdbdump"), place, end.to_bytes(4, "little") + IMAGE[4:])
        assert (code, complaint) == (111, b"cdbdump: fatal: unable to read input: protocol error\n")

    @pytest.mark.oracle
    def test_input_is_read_from_where_it_stands(self, oracle: Oracle, place: Path) -> None:
        (place / "b").write_bytes(b"x" * 10 + IMAGE)
        outcomes = []
        for command in ([oracle("cdbdump")], ours("cdbdump")):
            with open(place / "b", "rb", buffering=0) as file:
                file.seek(10)
                outcomes.append(run(command, place, file.fileno()))
        assert outcomes[0] == outcomes[1] == (0, TEXT, b"")

    def test_arguments_are_ignored_as_in_cdb_0_75(self, place: Path) -> None:
        assert run([*ours("cdbdump"), "x"], place, IMAGE) == (0, TEXT, b"")

    def test_full_disk_is_one_clear_line(self, place: Path, full: int) -> None:
        outcome = run(ours("cdbdump"), place, IMAGE, stdout=full)
        assert outcome == (111, b"", b"cdbdump: fatal: unable to write output: out of disk space\n")


class TestCdbget:
    @pytest.mark.oracle
    @pytest.mark.parametrize(
        "arguments",
        [["one"], ["two"], ["three"], ["one", "0"], ["one", "1"], ["one", "2"], ["two", "001"], ["--"]],
    )
    def test_answer_is_the_same(self, oracle: Oracle, place: Path, arguments: list[str]) -> None:
        expected = run_file([oracle("cdbget"), *arguments], place, place / "a.cdb")
        assert run_file([*ours("cdbget"), *arguments], place, place / "a.cdb") == expected

    @pytest.mark.parametrize(
        ("arguments", "answer"),
        [
            ([""], b"nothing"),
            (["one", ""], b"Hello"),
            (["one", "x"], b"Hello"),
            (["one", "1x"], b"again"),
            (["one", "-1"], b"Hello"),
            (["one", "1", "more"], b"again"),
        ],
    )
    def test_empty_key_and_odd_numbers_are_taken_as_in_cdb_0_75(
        self, place: Path, arguments: list[str], answer: bytes
    ) -> None:
        assert run_file([*ours("cdbget"), *arguments], place, place / "a.cdb") == (0, answer, b"")

    def test_wrong_usage_is_111_as_in_cdb_0_75(self, place: Path) -> None:
        assert run(ours("cdbget"), place) == (111, b"", b"cdbget: usage: cdbget key [skip]\n")

    def test_help_is_a_key(self, place: Path) -> None:
        (place / "h.cdb").write_bytes(build([(b"--help", b"yes")], CORE))
        assert run_file([*ours("cdbget"), "--help"], place, place / "h.cdb") == (0, b"yes", b"")

    def test_skipping_more_than_any_file_holds_finds_nothing(self, place: Path) -> None:
        """A row of docs/differences.md: the original counts modulo 2**64."""
        for skip in ("18446744073709551616", "9" * 5000):
            assert run([*ours("cdbget"), "one", skip], place, IMAGE) == (100, b"", b"")

    @pytest.mark.oracle
    @pytest.mark.parametrize("image", [b"", IMAGE[:2047], IMAGE[:RECORDS_END]])
    def test_damaged_file_is_a_protocol_error(self, oracle: Oracle, place: Path, image: bytes) -> None:
        (place / "damaged").write_bytes(image)
        expected = run_file([oracle("cdbget"), "one"], place, place / "damaged")
        assert expected == (111, b"", b"cdbget: fatal: unable to read input: protocol error\n")
        assert run_file([*ours("cdbget"), "one"], place, place / "damaged") == expected

    def test_damage_on_the_way_is_a_protocol_error(self, place: Path) -> None:
        """A row of docs/differences.md: the original passes over a record without looking at its length."""
        damaged = IMAGE[:2052] + b"\xff" * 4 + IMAGE[2056:]
        outcome = run([*ours("cdbget"), "one", "1"], place, damaged)
        assert outcome == (111, b"", b"cdbget: fatal: unable to read input: protocol error\n")

    def test_pipe_will_do(self, place: Path) -> None:
        """A row of docs/differences.md: the original needs a file."""
        assert run([*ours("cdbget"), "two"], place, IMAGE) == (0, b"Goodbye", b"")

    @pytest.mark.oracle
    def test_file_is_read_from_its_start_wherever_it_stands(self, oracle: Oracle, place: Path) -> None:
        for command in ([oracle("cdbget")], ours("cdbget")):
            with open(place / "a.cdb", "rb", buffering=0) as file:
                file.seek(100)
                assert run([*command, "two"], place, file.fileno()) == (0, b"Goodbye", b"")

    def test_full_disk_is_one_clear_line(self, place: Path, full: int) -> None:
        outcome = run([*ours("cdbget"), "two"], place, IMAGE, stdout=full)
        assert outcome == (111, b"", b"cdbget: fatal: unable to write output: out of disk space\n")


class TestCdbstats:
    @pytest.mark.oracle
    @pytest.mark.parametrize("image", [IMAGE, OLD, MANY, LONG_KEYS])
    def test_counts_are_the_same(self, oracle: Oracle, place: Path, image: bytes) -> None:
        (place / "image").write_bytes(image)
        expected = run_file([oracle("cdbstats")], place, place / "image")
        assert expected[0] == 0
        assert run_file(ours("cdbstats"), place, place / "image") == expected
        assert run([*ours("cdbstats"), "x"], place, image) == expected

    @pytest.mark.oracle
    @pytest.mark.parametrize("length", [0, 2047, 2048, 2058, RECORDS_END - 1, len(IMAGE) - 1])
    def test_truncated_file_has_the_original_message(self, oracle: Oracle, place: Path, length: int) -> None:
        (place / "damaged").write_bytes(IMAGE[:length])
        expected = run_file([oracle("cdbstats")], place, place / "damaged")
        assert expected[0] == 111
        assert run_file(ours("cdbstats"), place, place / "damaged") == expected

    def test_any_damage_is_refused(self, place: Path) -> None:
        """A row of docs/differences.md: the original does not see all of it."""
        damaged = bytes(8) + IMAGE[8:]
        assert run(ours("cdbstats"), place, damaged) == (
            111,
            b"",
            b"cdbstats: fatal: unable to read input: protocol error\n",
        )


class TestCdbtest:
    """There is no original here: these are the words of cdb 0.75's own page."""

    def counts(self, place: Path, image: bytes) -> list[int]:
        code, answer, complaint = run(ours("cdbtest"), place, image)
        assert (code, complaint) == (0, b"")
        labels, counts = zip(*(line.split(b": ") for line in answer.splitlines()), strict=True)
        assert labels == (b"found", b"different record", b"bad length", b"not found", b"untested")
        return [int(count) for count in counts]

    def test_sound_records_are_found_and_duplicates_different(self, place: Path) -> None:
        assert self.counts(place, IMAGE) == [4, 1, 0, 0, 0]

    def test_keys_longer_than_1024_bytes_are_not_tested(self, place: Path) -> None:
        assert self.counts(place, LONG_KEYS) == [2, 1, 0, 0, 1]

    def test_records_that_no_slot_names_are_not_found(self, place: Path) -> None:
        lost = IMAGE[:RECORDS_END] + bytes(len(IMAGE) - RECORDS_END)
        assert self.counts(place, lost) == [0, 0, 0, 5, 0]

    def test_cost_grows_with_the_number_of_records_and_not_its_square(self, place: Path) -> None:
        many = build([(b"%d" % number, b"") for number in range(40_000)], CORE)
        assert self.counts(place, many) == [40_000, 0, 0, 0, 0]  # within the time that a run has

    def test_empty_database_has_nothing_to_find(self, place: Path) -> None:
        assert self.counts(place, OLD) == [0] * 5

    @pytest.mark.parametrize(
        ("length", "why"),
        [(0, b"truncated file"), (2060, b"truncated file"), (RECORDS_END, b"protocol error")],
    )
    def test_truncated_file_is_refused(self, place: Path, length: int, why: bytes) -> None:
        outcome = run(ours("cdbtest"), place, IMAGE[:length])
        assert outcome == (111, b"", b"cdbtest: fatal: unable to read input: %b\n" % why)


class TestCdbmake12:
    """There is no original here: what a line means is in cdb 0.75's own page."""

    @pytest.mark.parametrize(
        ("lines", "pairs"),
        [
            (b"", []),
            (b"\n#comment\n", []),
            (b"a b\n", [(b"a", b"b")]),
            (b"a\tb", [(b"a", b"b")]),
            (b" \t a \t b  c d\n", [(b"a", b"b")]),
            (b"a\n", [(b"a", b"")]),
            (b" \n", [(b"", b"")]),
            (b" #x y\n", [(b"#x", b"y")]),
            (b"a b#c\r\n", [(b"a", b"b#c\r")]),
            ("\u00e4 \u00a0\x0b\n".encode(), [("\u00e4".encode(), "\u00a0\x0b".encode())]),
            (b"a b\na c\n", [(b"a", b"b"), (b"a", b"c")]),
        ],
    )
    def test_first_two_fields_are_key_and_data(
        self, place: Path, lines: bytes, pairs: list[tuple[bytes, bytes]]
    ) -> None:
        assert run([*ours("cdbmake-12"), "new.cdb", "t.tmp"], place, lines) == (0, b"", b"")
        assert (place / "new.cdb").read_bytes() == build(pairs, CORE)

    @pytest.mark.parametrize("program", ["cdbmake-12", "cdbmake-sv"])
    def test_failures_are_those_of_cdbmake(self, place: Path, program: str) -> None:
        assert run(ours(program), place) == (100, b"", b"cdbmake: usage: cdbmake f ftmp\n")
        assert run([*ours(program), "old.cdb", "directory"], place) == (
            111,
            b"",
            b"cdbmake: fatal: unable to create directory: is a directory\n",
        )


class TestCdbmakeSv:
    """There is no original here: what a line means is in cdb 0.75's own page."""

    @pytest.mark.parametrize(
        ("lines", "pairs"),
        [
            (b"", []),
            (b"# x 1/tcp\n\nx\nx 1\n #\n", []),
            (b"echo 7/tcp\n", [(b"@7/tcp", b"echo"), (b"echo/tcp", b"7")]),
            (
                b"smtp\t25/tcp mail m # 25/udp\n",
                [(b"@25/tcp", b"smtp"), (b"smtp/tcp", b"25"), (b"mail/tcp", b"25"), (b"m/tcp", b"25")],
            ),
            (b"x 1/tcp/y", [(b"@1/tcp", b"x"), (b"x/tcp", b"1")]),
        ],
    )
    def test_services_are_filed_under_port_name_and_aliases(
        self, place: Path, lines: bytes, pairs: list[tuple[bytes, bytes]]
    ) -> None:
        assert run([*ours("cdbmake-sv"), "new.cdb", "t.tmp"], place, lines) == (0, b"", b"")
        assert (place / "new.cdb").read_bytes() == build(pairs, CORE)


@pytest.mark.oracle
@pytest.mark.parametrize("command", [["cdbdump"], ["cdbget", "two"], ["cdbstats"]])
def test_pipe_that_nobody_reads_is_death_by_sigpipe(
    oracle: Oracle, place: Path, unread: int, command: list[str]
) -> None:
    for program in ([oracle(command[0])], ours(command[0])):
        with open(place / "a.cdb", "rb") as file:
            outcome = run([*program, *command[1:]], place, file.fileno(), stdout=unread)
        assert outcome == (-signal.SIGPIPE, b"", b"")


@pytest.mark.oracle
@pytest.mark.parametrize(
    "command",
    [
        ["cdbmake"],
        ["cdbmake", "new.cdb", ""],
        ["cdbmake", "", "t.tmp"],
        ["cdbmake", "new.cdb", "t.tmp", "more"],
        ["cdbget"],
        ["cdbget", ""],
        ["cdbget", "one", "1x"],
        ["cdbget", "one", "1", "more"],
        ["cdbdump", "more"],
        ["cdbstats", "more"],
    ],
)
def test_freecdb_refuses_more_as_wrong_usage(oracle: Oracle, place: Path, command: list[str]) -> None:
    """Rows of docs/differences.md: cdb 0.75 takes what it can, as we do."""
    code, answer, complaint = run_file([oracle(command[0]), *command[1:]], place, place / "a.cdb")
    assert (code, answer, complaint[:7]) == (100, b"", b"usage: ")


@pytest.mark.parametrize("program", ["cdbdump", "cdbmake", "cdbmake-12", "cdbmake-sv", "cdbstats", "cdbtest"])
def test_help_and_version_alone_are_answered(place: Path, program: str) -> None:
    """A row of docs/differences.md."""
    code, answer, complaint = run([*ours(program), "--help"], place)
    assert (code, complaint) == (0, b"")
    assert b": usage: " in answer
    assert run([*ours(program), "--version"], place) == (0, f"ucspi {__version__}\n".encode(), b"")
