"""What the cdb programs do that no look from outside shows."""

import os
import posix
from pathlib import Path

import pytest

from tests.support.cdbfiles import build, text
from ucspi.cdb import CdbTooLargeError
from ucspi.cdb._core import CORE
from ucspi.programs import _make_cdb, cdb, cdbmake
from ucspi.programs._program import Stop
from ucspi.programs.cdb import _make
from ucspi.programs.cdb._commandline import Options, number

pytestmark = pytest.mark.sampled(3)

PAIRS = [(b"one", b"Hello"), (b"one", b"again")]


class Full:
    """A builder that has no room left."""

    header_size = 2048

    def __init__(self, sink: object, *, format: str) -> None: ...  # noqa: A002

    def add(self, key: bytes, data: bytes) -> None:
        raise CdbTooLargeError


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file of records, in the current directory."""
    (tmp_path / "records").write_bytes(text(PAIRS))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "records"


@pytest.mark.parametrize("letters", [b"-c", b"-cr", b"-c0"])
def test_cdb_forces_the_file_to_the_disk_before_the_rename(
    records: Path, monkeypatch: pytest.MonkeyPatch, letters: bytes
) -> None:
    steps: list[str] = []
    fsync, rename = os.fsync, os.rename

    def noted_fsync(fd: int) -> None:
        steps.append("fsync")
        fsync(fd)

    def noted_rename(source: bytes, target: bytes) -> None:
        steps.append("rename")
        rename(source, target)

    monkeypatch.setattr(posix, "fsync", noted_fsync)
    monkeypatch.setattr(posix, "rename", noted_rename)
    assert cdb.main([b"cdb", letters, b"new.cdb", b"records"]) == 0
    assert steps == ["fsync", "rename"]


class FullAtTheEnd(Full):
    """A builder whose tables no longer fit."""

    def add(self, key: bytes, data: bytes) -> None: ...

    def finish(self) -> bytes:
        raise CdbTooLargeError


@pytest.mark.parametrize("kind", [Full, FullAtTheEnd])
def test_cdb_that_would_pass_four_gigabytes_says_so_in_the_original_words(
    records: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], kind: type
) -> None:
    """A row of docs/differences.md: the original notices too late to keep the file sound."""
    monkeypatch.setattr(_make, "Builder", kind)
    assert cdb.main([b"cdb", b"-c", b"new.cdb", b"records"]) == 111
    first, second = capfdbinary.readouterr().err.splitlines()
    assert first == b"cdb: cdb_make_put: Cannot allocate memory"
    assert b"--64" in second
    assert not Path("new.cdb").exists()


def test_cdbmake_that_would_pass_four_gigabytes_says_so_in_the_original_words(
    records: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(_make_cdb, "Builder", Full)
    monkeypatch.setattr(cdbmake, "blocks", lambda: iter([text(PAIRS)]))
    assert cdbmake.main([b"cdbmake", b"new.cdb", b"new.tmp"]) == 111
    first, second = capfdbinary.readouterr().err.splitlines()
    assert first == b"cdbmake: fatal: unable to create new.tmp: out of memory"
    assert b"--64" in second
    assert not Path("new.cdb").exists()


def test_cdb_makes_the_file_of_the_library(records: Path) -> None:
    assert cdb.main([b"cdb", b"-c", b"new.cdb", b"records"]) == 0
    assert Path("new.cdb").read_bytes() == build(PAIRS, CORE)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"", 0),
        (b"12", 12),
        (b" \t\n+12", 12),
        (b"-12", -12),
        (b"012", 10),
        (b"0", 0),
        (b"0x1F", 31),
        (b"-0X1f", -31),
        (b" ", None),
        (b"+", None),
        (b"0x", None),
        (b"08", None),
        (b"1x", None),
        (b"1 ", None),
        (b"1_0", None),
        (b"0x_1", None),
        (b"0b1", None),
        (b"0x0x1", None),
        (b"+-1", None),
        ("\u0661".encode(), None),
        (b"9" * 9999, None),
    ],
)
def test_number_is_read_as_strtol_does(text: bytes, value: int | None) -> None:
    assert number(text) == value


def parse(*arguments: bytes) -> tuple[list[tuple[bytes, bytes]], list[bytes]]:
    options = Options([b"program", *arguments], b"ab:c")
    return list(options), options.operands


@pytest.fixture
def permuting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let options follow operands whatever the tests run in."""
    monkeypatch.delenv("POSIXLY_CORRECT", raising=False)


@pytest.mark.usefixtures("permuting")
class TestGetopt:
    def test_options_bundle_and_values_are_attached_or_follow(self) -> None:
        assert parse(b"-acbx", b"-b", b"-a") == (
            [(b"a", b""), (b"c", b""), (b"b", b"x"), (b"b", b"-a")],
            [],
        )

    def test_options_may_follow_operands(self) -> None:
        assert parse(b"x", b"-a", b"y", b"-") == ([(b"a", b"")], [b"x", b"y", b"-"])

    def test_two_dashes_end_the_options(self) -> None:
        assert parse(b"x", b"--", b"-a", b"--") == ([], [b"x", b"-a", b"--"])

    def test_two_dashes_may_be_a_value(self) -> None:
        assert parse(b"-b", b"--", b"-a") == ([(b"b", b"--"), (b"a", b"")], [])

    def test_first_operand_ends_the_options_where_posix_wants_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("POSIXLY_CORRECT", "")
        assert parse(b"-a", b"x", b"-a") == ([(b"a", b"")], [b"x", b"-a"])

    @pytest.mark.parametrize("bad", [b"-x", b"-:", b"--a", b"-ax"])
    def test_unknown_letters_are_refused(self, bad: bytes) -> None:
        with pytest.raises(Stop):
            parse(bad)

    def test_words_are_known_by_the_program_and_may_follow_operands(self) -> None:
        options = Options([b"program", b"-ab", b"--64", b"x", b"--64", b"--", b"--64"], b"ab:", (b"--64",))
        assert list(options) == [(b"a", b""), (b"b", b"--64"), (b"--64", b"")]
        assert options.operands == [b"x", b"--64"]
        with pytest.raises(Stop):
            list(Options([b"program", b"--6"], b"ab:", (b"--64",)))

    def test_missing_value_is_refused(self) -> None:
        with pytest.raises(Stop) as refused:
            parse(b"-ab")
        assert refused.value.line.splitlines()[0] == b"cdb: option requires an argument -- 'b'"
