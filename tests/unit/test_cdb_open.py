"""Opening: paths, files and descriptors, mapped or read, and what they leave behind."""

import io
import os
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.support.cdbfiles import build
from ucspi import cdb
from ucspi.cdb._core import CORE
from ucspi.errors import CdbFormatError

PAIRS = [(b"one", b"here"), (b"two", b"x" * 100000)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "people.cdb"
    path.write_bytes(build(PAIRS, CORE))
    return path


@pytest.fixture(params=[True, False], ids=["mapped", "read"])
def mmap(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_path_file_and_descriptor_give_the_same(path: Path, mmap: bool) -> None:
    with path.open("rb") as file:
        sources: list[Any] = [path, str(path), os.fsencode(path), file, file.fileno()]
        for source in sources:
            with cdb.open(source, mmap=mmap) as reader:
                assert list(reader.records()) == PAIRS


def test_file_is_read_from_its_start_and_stays_where_it_stands(path: Path, mmap: bool) -> None:
    with path.open("rb") as file:
        file.seek(2048)
        assert cdb.open(file, mmap=mmap).get(b"one") == b"here"
        assert file.tell() == 2048
        assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == 2048


def test_file_may_be_closed_while_the_reader_lives(path: Path, mmap: bool) -> None:
    with path.open("rb") as file:
        reader = cdb.open(file, mmap=mmap)
    assert reader.get(b"one") == b"here"


def test_what_was_given_open_stays_open(path: Path, mmap: bool) -> None:
    with path.open("rb") as file:
        cdb.open(file, mmap=mmap).close()
        cdb.open(file.fileno(), mmap=mmap).close()
        assert os.fstat(file.fileno()).st_size == path.stat().st_size


def test_file_that_was_read_may_be_truncated(path: Path) -> None:
    reader = cdb.open(path, mmap=False)
    os.truncate(path, 0)
    assert list(reader.records()) == PAIRS
    assert reader.check() is None


def test_file_that_shrinks_while_it_is_read_is_damaged(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = path.stat().st_size
    real = os.preadv

    def preadv(fd: int, buffers: list[memoryview], offset: int) -> int:
        os.truncate(path, 2100)
        return real(fd, buffers, offset)

    monkeypatch.setattr(os, "preadv", preadv)
    reader = cdb.open(path, mmap=False)
    assert len(reader.view) == 2100 < size
    assert reader.check() is not None


def test_file_system_that_cannot_map_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mmap as module

    def refuse(*arguments: object, **named: object) -> None:
        raise OSError(19, "No such device")

    monkeypatch.setattr(module, "mmap", refuse)
    assert list(cdb.open(path).records()) == PAIRS


def test_pipe_is_read_to_its_end(mmap: bool) -> None:
    reading, writing = os.pipe()

    def send() -> None:
        with os.fdopen(writing, "wb") as file:
            file.write(build(PAIRS, CORE))

    thread = threading.Thread(target=send)
    thread.start()
    with os.fdopen(reading, "rb") as file, cdb.open(file, mmap=mmap) as reader:
        assert list(reader.records()) == PAIRS
    thread.join()


@pytest.mark.parametrize("size", [0, 1, 2047])
def test_file_shorter_than_a_header_is_damaged(tmp_path: Path, mmap: bool, size: int) -> None:
    (tmp_path / "short").write_bytes(bytes(size))
    with pytest.raises(CdbFormatError, match="header") as caught:
        cdb.open(tmp_path / "short", mmap=mmap)
    assert caught.value.offset == size


def test_open_file_without_a_descriptor_says_so() -> None:
    with pytest.raises(io.UnsupportedOperation):
        cdb.open(io.BytesIO(build(PAIRS, CORE)))


@pytest.mark.parametrize("source", [None, 1.5, [b"people.cdb"]])
def test_what_is_no_path_is_a_type_error(source: Any) -> None:
    with pytest.raises(TypeError, match="path"):
        cdb.open(source)


def test_bad_descriptor_is_an_os_error() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        cdb.open(10**6)


@pytest.mark.parametrize("mmap", [True, False])
def test_directory_is_an_error_that_names_it(tmp_path: Path, mmap: bool) -> None:
    with pytest.raises(IsADirectoryError, match=re.escape(repr(str(tmp_path)))):
        cdb.open(str(tmp_path), mmap=mmap)
