"""ucspi.compat.cdblib where it is safer than its original on purpose."""

import io
import mmap
import os
from pathlib import Path
from typing import Any

import pytest

from ucspi import cdb
from ucspi.compat import cdblib
from ucspi.compat.cdblib import compat
from ucspi.errors import CdbFormatError, ClosedError

pytestmark = pytest.mark.sampled(3)

WRITERS = [cdblib.Writer, cdblib.Writer64]


def image(*pairs: tuple[bytes, bytes], kind: type[cdblib.Writer] = cdblib.Writer) -> bytes:
    file = io.BytesIO()
    with kind(file) as writer:
        for key, value in pairs:
            writer.put(key, value)
    return file.getvalue()


@pytest.mark.parametrize("kind", WRITERS)
def test_block_that_raises_leaves_a_file_that_every_reader_refuses(kind: type[cdblib.Writer]) -> None:
    file = io.BytesIO()
    with pytest.raises(RuntimeError), kind(file) as writer:  # noqa: PT012 - the block is what is tested
        for number in range(5000):
            writer.put(number, b"x" * 20)
        raise RuntimeError
    with pytest.raises(OSError, match="fits no format"):
        cdblib.Reader(file.getvalue())
    with pytest.raises(ClosedError):
        writer.put(b"more")
    with pytest.raises(ClosedError):
        writer.finalize()


def test_finalize_inside_the_block_is_enough() -> None:
    file = io.BytesIO()
    with cdblib.Writer(file) as writer:
        writer.put("one", b"1")
        writer.finalize()
    assert cdblib.Reader(file.getvalue()).items() == [(b"one", b"1")]
    with pytest.raises(ClosedError):
        writer.put("two")


def test_writer_begins_at_the_start_wherever_the_file_stands() -> None:
    file = io.BytesIO(b"x" * 100)
    file.seek(100)
    with cdblib.Writer(file) as writer:
        writer.put("one", b"1")
    assert file.getvalue() == image((b"one", b"1"))


def test_file_that_takes_less_than_it_is_given_gets_all(tmp_path: Path) -> None:
    class Reluctant(io.BytesIO):
        def write(self, block: Any) -> int:
            return super().write(bytes(block)[:1000])

    class Silent(io.BytesIO):
        def write(self, block: Any) -> Any:
            super().write(block)

    pairs = [(b"%d" % number, b"x" * 50) for number in range(200)]
    for kind in (Reluctant, Silent):
        file = kind()
        with cdblib.Writer(file) as writer:
            for pair in pairs:
                writer.put(*pair)
        assert file.getvalue() == image(*pairs)


def test_key_with_hash_zero_is_found() -> None:
    reader = cdblib.Reader(image((b"afcyda}", b"1"), (b"k1197", b"2")))
    assert (reader.get("afcyda}"), reader.get("k1197")) == (b"1", b"2")


def test_damage_is_an_os_error_with_its_offset(tmp_path: Path) -> None:
    damaged = bytearray(image((b"one", b"1")))
    damaged[2052:2056] = b"\xff" * 4
    reader = cdblib.Reader(damaged)
    for ask in ("get", "__getitem__", "has_key", "getint", "gets"):
        with pytest.raises(OSError, match="byte 2048") as caught:
            next(getattr(reader, ask)("one"))
        assert isinstance(caught.value, CdbFormatError)
    for ask in ("items", "keys", "values", "__len__", "__bool__"):
        with pytest.raises(OSError, match="byte 2048"):
            getattr(reader, ask)()
    for size in (0, 9):
        (tmp_path / "short").write_bytes(bytes(size))
        with pytest.raises(OSError, match="header"):
            cdblib.Reader.from_file_path(tmp_path / "short")
        with pytest.raises(compat.error, match="Protocol"):
            compat.init(tmp_path / "short")


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("reader", [cdblib.Reader, cdblib.Reader64])
def test_either_reader_sees_what_a_file_is(kind: type[cdblib.Writer], reader: type[cdblib.Reader]) -> None:
    pairs = [(b"a key whose hash is long %d" % number, b"%d" % number) for number in range(50)]
    db = reader(image(*pairs, kind=kind))
    assert db.items() == pairs
    assert [db.get(key) for key, _ in pairs] == [value for _, value in pairs]


def test_own_function_for_the_same_hash_is_accepted_and_another_refused() -> None:
    def same(key: bytes) -> int:
        h = 5381
        for byte in key:
            h = (h * 33 & 0xFFFFFFFF) ^ byte
        return h

    reader = cdblib.Reader(image((b"one", b"1")), hashfn=same)
    assert reader.get("one") == b"1"
    for kind, source in ((cdblib.Reader, image()), (cdblib.Writer, io.BytesIO())):
        with pytest.raises(ValueError, match="hash"):
            kind(source, hashfn=lambda key: 7)  # type: ignore[arg-type]


def test_compat_finds_what_it_lists_in_any_encoding(tmp_path: Path) -> None:
    maker = compat.cdbmake(tmp_path / "people.cdb", tmp_path / "tmp", encoding="latin-1")
    maker.add("h\u00e9", "w\u00f6rld")
    maker.finish()
    db = compat.init(tmp_path / "people.cdb", encoding="latin-1")
    assert [db[key] for key in db] == ["w\u00f6rld"]
    assert db.has_key("h\u00e9")
    assert "h\u00e9" in db
    assert len(db) == 1
    assert (db.get("h\u00e9"), db.getnext()) == ("w\u00f6rld", None)


def test_compat_maker_that_is_forgotten_leaves_no_temporary(tmp_path: Path) -> None:
    cdb.make(tmp_path / "people.cdb", {b"one": b"old"})
    maker = compat.cdbmake(tmp_path / "people.cdb", tmp_path / "tmp")
    maker.add("one", "new")
    del maker
    assert os.listdir(tmp_path) == ["people.cdb"]
    assert compat.init(tmp_path / "people.cdb")["one"] == "old"


def test_public_names() -> None:
    assert sorted(cdblib.__all__) == ["Reader", "Reader64", "Writer", "Writer64", "djb_hash"]
    for name in cdblib.__all__:
        assert getattr(cdblib, name).__doc__


def test_map_that_was_given_can_be_closed_while_the_reader_lives(tmp_path: Path) -> None:
    path = tmp_path / "people.cdb"
    with path.open("wb") as file, cdblib.Writer(file) as writer:
        writer.puts("one", [b"Hello", b"again"])
    with path.open("rb") as made, mmap.mmap(made.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        reader = cdblib.Reader(mapped)
        assert reader.items() == [(b"one", b"Hello"), (b"one", b"again")]
        assert reader.get("one") == b"Hello"
        assert list(reader.gets("one")) == [b"Hello", b"again"]
        reader.close()
        assert len(reader) == 2  # it is not the reader's map
    with pytest.raises(ValueError, match="mmap closed"):
        reader.get("one")


def test_map_of_what_is_no_cdb_is_an_error_at_once() -> None:
    with mmap.mmap(-1, 100) as mapped, pytest.raises(OSError, match="shorter than its header"):
        cdblib.Reader(mapped)


def test_compat_cleans_up_when_told(tmp_path: Path) -> None:
    path, temporary = tmp_path / "people.cdb", tmp_path / "people.tmp"
    maker = compat.cdbmake(path, temporary)
    maker.add("one", "Hello")
    maker.finish()
    maker._cleanup()
    people = compat.init(path)
    people._cleanup()
    people._cleanup()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(people.fd)
    maker = compat.cdbmake(path, temporary)
    maker._cleanup()
    assert compat.init(path)["one"] == "Hello"
    assert not temporary.exists()
