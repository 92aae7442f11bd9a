"""Reading: what a reader finds, what it refuses, and what closing means."""

import copy
import gc
import mmap
import os
import pickle
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.cdbfiles import build
from ucspi import cdb
from ucspi.cdb._core import Core
from ucspi.cdb._reader import Reader, reader_type
from ucspi.errors import CdbFormatError, ClosedError

PAIRS = [(b"one", b"here"), (b"a", b"b"), (b"b", b"abc"), (b"one", b"also"), (b"", b"")]


@pytest.fixture
def reader(core: Core) -> Reader:
    return reader_type(core)(build(PAIRS, core))


def test_get_returns_the_first_record(reader: Reader) -> None:
    assert reader.get(b"one") == b"here"
    assert reader[b"one"] == b"here"


def test_get_of_an_absent_key_returns_the_default(reader: Reader) -> None:
    assert reader.get(b"two") is None
    assert reader.get(b"two", b"") == b""
    with pytest.raises(KeyError, match="two"):
        reader[b"two"]


def test_get_takes_one_or_two_arguments(reader: Reader) -> None:
    function: Any = reader.get
    for arguments in ((), (b"one", None, None)):
        with pytest.raises(TypeError):
            function(*arguments)


def test_empty_key_and_empty_data_are_records(reader: Reader) -> None:
    assert b"" in reader
    assert reader.get(b"") == b""


def test_get_all_keeps_the_order_added(reader: Reader) -> None:
    assert list(reader.get_all(b"one")) == [b"here", b"also"]
    assert list(reader.get_all(b"two")) == []


def test_find_gives_the_place_of_the_data(reader: Reader) -> None:
    place = reader.find(b"b")
    assert place is not None
    position, length = place
    assert reader.view[position : position + length].tobytes() == b"abc"
    assert reader.find(b"two") is None


def test_view_is_read_only(core: Core) -> None:
    assert reader_type(core)(bytearray(build(PAIRS, core))).view.readonly


def test_records_come_in_the_order_added(reader: Reader) -> None:
    assert list(reader.records()) == PAIRS


def test_mapping_side_sees_each_key_once(reader: Reader) -> None:
    assert isinstance(reader, Mapping)
    assert list(reader) == [b"one", b"a", b"b", b""]
    assert len(reader) == 4
    assert dict(reader.items()) == {b"one": b"here", b"a": b"b", b"b": b"abc", b"": b""}
    assert list(reader.values()) == [b"here", b"b", b"abc", b""]


def test_readers_compare_by_identity(core: Core) -> None:
    image = build(PAIRS, core)
    one, other = reader_type(core)(image), reader_type(core)(image)
    assert one == one
    assert one != other
    assert len({one, other}) == 2


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_keys_may_be_any_buffer(reader: Reader, kind: type[bytearray] | type[memoryview]) -> None:
    assert reader.get(kind(b"one")) == b"here"
    assert reader.__contains__(kind(b"one"))
    assert list(reader.get_all(kind(b"one"))) == [b"here", b"also"]


def test_image_may_be_any_buffer(core: Core) -> None:
    image = build(PAIRS, core)
    with mmap.mmap(-1, len(image)) as mapped:
        mapped[:] = image
        part = memoryview(b"before" + image + b"after")[6:-5]
        for buffer in (image, bytearray(image), memoryview(image).cast("b"), mapped, part):
            with reader_type(core)(buffer) as reader:
                assert reader.get(b"b") == b"abc"


@pytest.mark.parametrize("operation", ["get", "__contains__", "__getitem__", "find", "get_all"])
def test_text_key_is_a_type_error_that_says_what_to_do(reader: Reader, operation: str) -> None:
    with pytest.raises(TypeError, match="encode"):
        getattr(reader, operation)("one")


@pytest.mark.parametrize("key", [1, None, object()])
def test_key_that_is_no_buffer_is_a_type_error(reader: Reader, key: Any) -> None:
    with pytest.raises(TypeError, match="bytes-like"):
        reader.get(key)


def test_image_that_is_no_buffer_is_a_type_error(core: Core) -> None:
    kind: Any = reader_type(core)
    for buffer in ("text", 1, None):
        with pytest.raises(TypeError):
            kind(buffer)


def test_use_after_close_is_an_error(reader: Reader) -> None:
    assert not reader.closed
    reader.close()
    reader.close()
    assert reader.closed
    for operation in ("get", "find", "__contains__", "__getitem__", "get_all"):
        with pytest.raises(ClosedError):
            getattr(reader, operation)(b"one")
    for operation in ("check", "__len__"):
        with pytest.raises(ClosedError):
            getattr(reader, operation)()
    for operation in ("__iter__", "records"):
        with pytest.raises(ClosedError):
            next(getattr(reader, operation)())
    with pytest.raises(ClosedError):
        _ = reader.view


def test_iterators_stop_with_an_error_when_the_reader_is_closed(reader: Reader) -> None:
    iterators: list[Any] = [reader.records(), iter(reader), reader.get_all(b"one")]
    for iterator in iterators:
        next(iterator)
    reader.close()
    for iterator in iterators:
        with pytest.raises(ClosedError):
            next(iterator)


def test_views_outlive_the_reader(reader: Reader) -> None:
    view = reader.view
    reader.close()
    assert bytes(view[2048 + 8 : 2048 + 11]) == b"one"


def test_with_closes_the_reader(reader: Reader) -> None:
    with reader as same:
        assert same is reader
    assert reader.closed


@pytest.mark.parametrize("twice", [copy.copy, copy.deepcopy, pickle.dumps])
def test_copying_and_pickling_are_refused(reader: Reader, twice: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match="open the file again"):
        twice(reader)


def test_reader_can_be_subclassed(core: Core) -> None:
    class Mine(reader_type(core)):  # type: ignore[misc]  # chosen by the fixture
        pass

    assert Mine(build(PAIRS, core)).get(b"one") == b"here"


def test_key_with_hash_zero_is_found(core: Core) -> None:
    assert core.hash(b"afcyda}") == 0
    reader = reader_type(core)(build([(b"afcyda}", b"1"), (b"k1197", b"2")], core))
    assert reader.get(b"afcyda}") == b"1"
    assert reader.get(b"k1197") == b"2"
    assert reader.check() is None


@pytest.mark.parametrize(
    ("key", "value"), [(b"", 5381), (b"a", 177604), (b"abc", 193409669), (b"1.2.3.4", 1011677903)]
)
def test_hash_vectors(core: Core, key: bytes, value: int) -> None:
    assert core.hash(key) == value
    assert core.hash(bytearray(key)) == value


def test_hash_of_text_is_a_type_error(core: Core) -> None:
    function: Any = core.hash
    with pytest.raises(TypeError, match="encode"):
        function("abc")


def test_open_maps_a_file(core: Core, tmp_path: Path) -> None:
    path = tmp_path / "people.cdb"
    path.write_bytes(build(PAIRS, core))
    for name in (path, str(path), os.fsencode(path)):
        with cdb.open(name) as reader:
            assert reader.get(b"one") == b"here"


def test_open_reads_a_fifo_to_its_end(core: Core, tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(build(PAIRS, core),))
    writer.start()
    with cdb.open(path) as reader:
        assert reader.get(b"one") == b"here"
    writer.join()


def test_open_of_what_is_no_cdb_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        cdb.open(tmp_path)
    with pytest.raises(FileNotFoundError):
        cdb.open(tmp_path / "absent")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(CdbFormatError, match="header"):
        cdb.open(tmp_path / "empty")


def test_open_leaves_no_descriptor_behind(core: Core, tmp_path: Path) -> None:
    path = tmp_path / "people.cdb"
    path.write_bytes(build(PAIRS, core))
    before = len(os.listdir("/proc/self/fd"))
    with cdb.open(path):
        assert len(os.listdir("/proc/self/fd")) <= before + 1  # the one that a map keeps
    assert len(os.listdir("/proc/self/fd")) == before


def test_reader_in_a_reference_loop_is_collected(core: Core) -> None:
    """An error that is kept holds its frame, which holds the reader and the error."""

    def make_a_loop(image: bytearray) -> None:
        reader = reader_type(core)(image, format="cdb")
        with pytest.raises(CdbFormatError) as caught:
            reader.get(b"one")
        loop: list[Any] = [reader, caught]
        loop.append(loop)

    gc.freeze()  # or every collection looks at all that the test run has made
    try:
        for _ in range(20):
            image = bytearray(b"\xff" * 4096)
            make_a_loop(image)
            gc.collect()
            image.clear()  # refused while a reader looks at it
    finally:
        gc.unfreeze()
