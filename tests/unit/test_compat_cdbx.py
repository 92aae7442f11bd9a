"""ucspi.compat.cdbx where it is safer than its original on purpose."""

import gc
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from ucspi import cdb
from ucspi.compat.cdbx import CDB, CDBMaker
from ucspi.errors import CdbFormatError, ClosedError

pytestmark = pytest.mark.sampled(3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    cdb.make(tmp_path / "people.cdb", {b"one": b"old"})
    return tmp_path / "people.cdb"


def test_readers_see_the_old_file_until_commit(path: Path) -> None:
    maker = CDB.make(path)
    maker.add("one", "new")
    assert CDB(path).get("one") == b"old"
    assert maker.commit().get("one") == b"new"
    assert CDB(path).get("one") == b"new"
    assert os.listdir(path.parent) == ["people.cdb"]


@pytest.mark.parametrize("end", ["close", "forget", "bad key", "bad value"])
def test_file_that_was_not_committed_leaves_the_old_one(path: Path, end: str) -> None:
    nonsense: Any = None
    maker: CDBMaker | None = CDB.make(path)
    assert maker is not None
    maker.add(b"one", b"new")
    if end == "close":
        maker.close()
    elif end == "forget":
        maker = None
        gc.collect()
    else:
        with pytest.raises(TypeError, match="bytes-like"):
            maker.add(*((nonsense, b"") if end == "bad key" else (b"", nonsense)))
    assert CDB(path).get("one") == b"old"
    assert os.listdir(path.parent) == ["people.cdb"]


def test_commit_that_fails_gives_up(tmp_path: Path) -> None:
    (tmp_path / "people.cdb").mkdir()
    maker = CDB.make(tmp_path / "people.cdb")
    with pytest.raises(IsADirectoryError):
        maker.commit()
    with pytest.raises(OSError, match="closed file"):
        maker.commit()
    assert os.listdir(tmp_path) == ["people.cdb"]


def test_given_file_is_refused_by_readers_until_commit() -> None:
    with tempfile.TemporaryFile() as file:
        maker = CDB.make(file)
        for number in range(5000):
            maker.add(b"%d" % number, b"x" * 20)
        with pytest.raises(OSError, match="fits no format"):
            CDB(file)
        whole = maker.commit()
        assert whole.get(b"4999") == b"x" * 20


def test_file_that_can_only_be_appended_to_is_an_error(tmp_path: Path) -> None:
    with (tmp_path / "people.cdb").open("ab+") as file:
        maker = CDB.make(file)
        maker.add(b"one", b"1")
        with pytest.raises(OSError, match="changed"):
            maker.commit()


def test_forgotten_maker_does_not_touch_a_descriptor_that_was_given(path: Path) -> None:
    """It may belong to another file by then."""
    fd = os.open(path, os.O_RDWR)
    maker = CDB.make(fd)
    os.close(fd)
    (path.parent / "other").write_bytes(b"precious")
    other = os.open(path.parent / "other", os.O_RDWR)
    assert other == fd
    del maker
    gc.collect()
    os.close(other)
    assert (path.parent / "other").read_bytes() == b"precious"


@pytest.mark.parametrize("mmap", [None, True, False])
@pytest.mark.parametrize("size", [0, 100])
def test_short_file_is_an_error_at_once(tmp_path: Path, mmap: bool | None, size: int) -> None:
    (tmp_path / "short").write_bytes(bytes(size))
    gc.collect()
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="header") as caught:
        CDB(tmp_path / "short", mmap=mmap)
    assert isinstance(caught.value, CdbFormatError)
    assert caught.value.offset == size
    del caught
    gc.collect()
    assert os.listdir("/proc/self/fd") == before


def test_damage_is_an_os_error_with_its_offset(path: Path) -> None:
    image = bytearray(path.read_bytes())
    image[2048:2052] = b"\xff" * 4
    path.write_bytes(image)
    for iterator in (CDB(path).items(True), CDB(path).keys(), iter(CDB(path))):
        with pytest.raises(OSError, match="byte 2048") as caught:
            next(iterator)
        assert isinstance(caught.value, CdbFormatError)


def test_use_after_close_is_both_errors(path: Path) -> None:
    db = CDB(path)
    db.close()
    with pytest.raises(OSError, match="closed file") as caught:
        db.get(b"one")
    assert isinstance(caught.value, ClosedError)


def test_keys_and_values_may_be_any_buffer(path: Path) -> None:
    maker = CDB.make(path)
    maker.add(bytearray(b"two"), memoryview(b"2"))
    db = maker.commit()
    assert db[bytearray(b"two")] == db.get(memoryview(b"two")) == b"2"


def test_subclass_makes_itself(path: Path) -> None:
    class Mine(CDB):
        pass

    assert type(Mine.make(path).commit()) is Mine


def test_no_descriptor_is_left_behind(path: Path) -> None:
    gc.collect()
    before = os.listdir("/proc/self/fd")
    maker = CDB.make(path)
    maker.add(b"one", b"1")
    db = maker.commit()
    assert os.fstat(db.fileno()).st_ino == path.stat().st_ino
    db.close()
    db = CDB(path)
    del db, maker
    gc.collect()
    assert os.listdir("/proc/self/fd") == before


def test_errors_while_opening_have_no_half_made_reader_behind_them(tmp_path: Path) -> None:
    nonsense: Any = 1.5
    with pytest.raises(TypeError, match="path"):
        CDB(nonsense)
    with pytest.raises(FileNotFoundError):
        CDB(tmp_path / "absent")
