"""Making a file in one call, and adding many records at once."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cdbfiles import build
from ucspi import cdb
from ucspi.cdb._core import CORE, Core
from ucspi.errors import ClosedError

PAIRS = [(b"one", b"here"), (b"two", b""), (b"one", b"also")]


@pytest.mark.parametrize("kind", [list, tuple, iter, lambda pairs: (list(pair) for pair in pairs)])
def test_make_takes_any_iterable_of_pairs(core: Core, tmp_path: Path, kind: Any) -> None:
    path = tmp_path / "people.cdb"
    cdb.make(path, kind(PAIRS), core=core)
    assert path.read_bytes() == build(PAIRS, CORE)
    assert os.listdir(tmp_path) == ["people.cdb"]


def test_make_takes_a_mapping(core: Core, tmp_path: Path) -> None:
    cdb.make(tmp_path / "people.cdb", dict(PAIRS), core=core)
    assert (tmp_path / "people.cdb").read_bytes() == build([(b"one", b"also"), (b"two", b"")], CORE)


def test_make_from_a_reader_gives_each_key_once_and_from_its_records_all(core: Core, tmp_path: Path) -> None:
    reader = cdb.Reader(build(PAIRS, CORE))
    cdb.make(tmp_path / "once.cdb", reader, core=core)
    cdb.make(tmp_path / "all.cdb", reader.records(), core=core)
    assert (tmp_path / "once.cdb").read_bytes() == build(PAIRS[:2], CORE)
    assert (tmp_path / "all.cdb").read_bytes() == build(PAIRS, CORE)


def test_make_takes_the_arguments_of_create(core: Core, tmp_path: Path) -> None:
    path, temporary = tmp_path / "people.cdb", tmp_path / "given"
    cdb.make(str(path), PAIRS, tmp=os.fsencode(temporary), mode=0o600, fsync=False, core=core)
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["people.cdb"]


@pytest.mark.parametrize("pairs", [[("one", b"1")], [(b"one",)], [(b"one", 1)], [b"one"], 7, b"one"])
def test_make_that_fails_keeps_the_old_file(core: Core, tmp_path: Path, pairs: Any) -> None:
    path = tmp_path / "people.cdb"
    cdb.make(path, PAIRS, core=core)
    with pytest.raises((TypeError, ValueError)):
        cdb.make(path, pairs, core=core)
    assert path.read_bytes() == build(PAIRS, CORE)
    assert os.listdir(tmp_path) == ["people.cdb"]


def test_iterable_that_raises_keeps_the_old_file(core: Core, tmp_path: Path) -> None:
    def pairs() -> Iterator[tuple[bytes, bytes]]:
        yield b"one", b"x" * 200000
        raise KeyboardInterrupt

    cdb.make(tmp_path / "people.cdb", PAIRS, core=core)
    with pytest.raises(KeyboardInterrupt):
        cdb.make(tmp_path / "people.cdb", pairs(), core=core)
    assert (tmp_path / "people.cdb").read_bytes() == build(PAIRS, CORE)
    assert os.listdir(tmp_path) == ["people.cdb"]


def test_update_and_add_mix_in_order(core: Core, tmp_path: Path) -> None:
    with cdb.create(tmp_path / "people.cdb", core=core) as writer:
        writer.update(PAIRS[:1])
        writer.add(*PAIRS[1])
        writer.update({})
        writer.update(PAIRS[2:])
    assert (tmp_path / "people.cdb").read_bytes() == build(PAIRS, CORE)


def test_records_before_a_refused_one_are_added(core: Core, tmp_path: Path) -> None:
    pairs: Any = [PAIRS[0], ("text", b"")]
    with cdb.create(tmp_path / "people.cdb", core=core) as writer:
        with pytest.raises(TypeError, match="encode"):
            writer.update(pairs)
        writer.add(*PAIRS[1])
    assert (tmp_path / "people.cdb").read_bytes() == build(PAIRS[:2], CORE)


def test_published_writer_refuses_more(core: Core, tmp_path: Path) -> None:
    with cdb.create(tmp_path / "people.cdb", core=core) as writer:
        writer.publish()
    with pytest.raises(ClosedError):
        writer.update(PAIRS)
    with pytest.raises(ClosedError):
        writer.fileno()


def test_descriptor_of_the_temporary_can_be_given_a_mode(core: Core, tmp_path: Path) -> None:
    with cdb.create(tmp_path / "people.cdb", core=core) as writer:
        os.fchmod(writer.fileno(), 0o640)
        assert not (tmp_path / "people.cdb").exists()
    assert (tmp_path / "people.cdb").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "wrong", [[(b"a",)], [(b"a", b"b", b"c")], [5], ["ab"], [(b"a", "b")], [(1, b"b")], 7]
)
def test_update_refuses_what_is_no_pair_of_bytes(core: Core, wrong: Any) -> None:
    builder = core.builder(lambda block: None)
    with pytest.raises((TypeError, ValueError)):
        builder.update(wrong)
    builder.finish()


def test_update_takes_pairs_of_any_kind(core: Core) -> None:
    blocks: list[bytes] = []
    builder = core.builder(blocks.append)
    pairs: Any = [[b"a", b"b"], (bytearray(b"c"), memoryview(b"d"))]
    builder.update(iter(pairs))
    assert builder.finish() + b"".join(blocks) == build([(b"a", b"b"), (b"c", b"d")], core)


def test_update_adds_what_came_before_an_error(core: Core) -> None:
    def failing() -> Iterator[tuple[bytes, bytes]]:
        yield b"a", b"b"
        raise LookupError("mine")

    blocks: list[bytes] = []
    builder = core.builder(blocks.append)
    with pytest.raises(LookupError, match="mine"):
        builder.update(failing())
    assert builder.finish() + b"".join(blocks) == build([(b"a", b"b")], core)


def test_update_of_a_builder_that_its_own_pairs_close_is_refused(core: Core) -> None:
    def closing() -> Iterator[tuple[bytes, bytes]]:
        yield b"a", b"b"
        builder.close()
        yield b"c", b"d"

    builder = core.builder(lambda block: None)
    with pytest.raises(ClosedError):
        builder.update(closing())
