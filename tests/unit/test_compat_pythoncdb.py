"""ucspi.compat.cdb where its original ended badly, or where Python 3 asks for more."""

import errno
import gc
import os
from pathlib import Path
from typing import Any

import pytest

from ucspi import cdb as native
from ucspi.compat import cdb
from ucspi.errors import CdbFormatError, Error

pytestmark = pytest.mark.sampled(3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    native.make(tmp_path / "people.cdb", [(b"one", b"1"), (b"two", b"2"), (b"one", b"3")])
    return tmp_path / "people.cdb"


def test_text_is_encoded_and_bytes_come_out(tmp_path: Path) -> None:
    maker = cdb.cdbmake(str(tmp_path / "people.cdb"), str(tmp_path / "tmp"))
    maker.add("h\u00e9", "w\u00f6rld")
    maker.addmany(pair for pair in [(bytearray(b"one"), memoryview(b"1"))])
    maker.finish()
    db = cdb.init(str(tmp_path / "people.cdb"))
    assert db["h\u00e9"] == "w\u00f6rld".encode()
    assert list(db) == db.keys() == ["h\u00e9".encode(), b"one"]
    assert "one" in db
    assert b"none" not in db


@pytest.mark.parametrize("operation", ["finish", "add", "addmany"])
def test_finished_maker_is_an_error(tmp_path: Path, operation: str) -> None:
    maker = cdb.cdbmake(tmp_path / "people.cdb", tmp_path / "tmp")
    maker.finish()
    assert maker.fd == -1
    arguments: Any = {"finish": (), "add": (b"", b""), "addmany": ([],)}[operation]
    with pytest.raises(cdb.error, match="finished"):
        getattr(maker, operation)(*arguments)


def test_finish_that_fails_keeps_the_old_file_and_removes_the_temporary(tmp_path: Path) -> None:
    (tmp_path / "people.cdb").mkdir()
    maker = cdb.cdbmake(tmp_path / "people.cdb", tmp_path / "tmp")
    with pytest.raises(IsADirectoryError):
        maker.finish()
    assert os.listdir(tmp_path) == ["people.cdb"]


def test_other_look_ups_do_not_disturb_getnext(path: Path) -> None:
    db = cdb.init(path)
    db.get("one")
    assert db["two"] == b"2"
    assert db.has_key("two")
    assert db.getall("two") == [b"2"]
    assert db.keys() == [b"one", b"two"]
    assert db.getnext() == b"3"


@pytest.mark.parametrize("size", [0, 100])
def test_short_file_is_an_error_at_once(tmp_path: Path, size: int) -> None:
    (tmp_path / "short").write_bytes(bytes(size))
    with pytest.raises(cdb.error, match="Protocol error") as caught:
        cdb.init(tmp_path / "short")
    assert caught.value.args == (errno.EPROTO, "Protocol error")
    assert isinstance(caught.value, Error)
    assert isinstance(caught.value.__cause__, CdbFormatError)
    assert caught.value.__cause__.offset == size


@pytest.mark.parametrize(
    "use",
    [
        lambda db: db["one"],
        lambda db: db.get("one"),
        lambda db: db.getall("one"),
        lambda db: db.has_key("one"),
        lambda db: len(db),
        lambda db: bool(db),
        lambda db: db.keys(),
        lambda db: db.firstkey(),
        lambda db: db.nextkey(),
        lambda db: db.each(),
    ],
)
def test_damage_is_a_protocol_error_everywhere(path: Path, use: Any) -> None:
    image = bytearray(path.read_bytes())
    image[2052:2056] = b"\xff" * 4  # the length of the first record's data
    path.write_bytes(image)
    with pytest.raises(cdb.error, match="Protocol error") as caught:
        use(cdb.init(path))
    assert isinstance(caught.value.__cause__, CdbFormatError)
    assert caught.value.__cause__.offset == 2048


def test_damage_met_by_getnext_is_a_protocol_error(path: Path) -> None:
    image = bytearray(path.read_bytes())
    third = 2048 + 2 * 12
    image[third + 4 : third + 8] = b"\xff" * 4
    path.write_bytes(image)
    db = cdb.init(path)
    assert db.get("one") == b"1"
    with pytest.raises(cdb.error, match="Protocol error"):
        db.getnext()


def test_descriptor_that_was_given_stays_open_and_others_do_not(path: Path) -> None:
    gc.collect()
    before = os.listdir("/proc/self/fd")
    fd = os.open(path, os.O_RDONLY)
    db = cdb.init(fd)
    assert db["one"] == b"1"
    del db
    gc.collect()
    assert os.fstat(fd).st_size == path.stat().st_size
    os.close(fd)
    db = cdb.init(path)
    maker = cdb.cdbmake(path, path.with_suffix(".tmp"))
    del db, maker
    gc.collect()
    assert os.listdir("/proc/self/fd") == before


def test_reader_of_a_replaced_file_still_has_the_old_one(path: Path) -> None:
    db = cdb.init(path)
    maker = cdb.cdbmake(path, path.with_suffix(".tmp"))
    maker.finish()
    assert len(db) == 3
    assert len(cdb.init(path)) == 0
