"""The 64-bit format: what is written, how it is recognised, and files past 4 GB."""

import io
import os
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cdb_strategies import keys, records
from tests.support.cdbfiles import build
from tests.support.examples import examples
from ucspi import cdb
from ucspi.cdb._core import Core
from ucspi.cdb._open import contents
from ucspi.cdb._reader import reader_type
from ucspi.errors import CdbFormatError, CdbTooLargeError

pytestmark = pytest.mark.sampled(3)

Pairs = list[tuple[bytes, bytes]]
FORMATS = ["cdb", "cdb64", "cdblib64"]

modest = examples(40)


def many(count: int) -> Pairs:
    return [(b"key %d" % (number % 900), b"x" * (number % 41)) for number in range(count)]


@modest
@given(key=st.binary(max_size=40))
def test_hash64_is_the_hash_in_64_bits(core: Core, key: bytes) -> None:
    h = 5381
    for byte in key:
        h = (h * 33 % 2**64) ^ byte
    assert core.hash64(key) == h
    assert core.hash(key) == h % 2**32


def test_hash64_refuses_text(core: Core) -> None:
    text: Any = "one"
    with pytest.raises(TypeError, match="encode"):
        core.hash64(text)


def test_one_record_byte_by_byte(core: Core) -> None:
    """The whole of a small file, written out: hash 5381 of the empty key, table 5, slot 21 % 2."""
    image = build([(b"", b"data")], core, "cdb64")
    header = b"".join(struct.pack("<QQ", 4116 + 32 * (n > 5), 2 * (n == 5)) for n in range(256))
    assert image == header + struct.pack("<QQ", 0, 4) + b"data" + bytes(16) + struct.pack("<QQ", 5381, 4096)


@modest
@given(pairs=records, absent=keys, form=st.sampled_from(FORMATS))
def test_every_format_is_recognised_and_read(core: Core, pairs: Pairs, absent: bytes, form: str) -> None:
    reader = reader_type(core)(build(pairs, core, form))
    long = any(core.hash64(key) >> 32 for key, _ in pairs)  # else nothing tells the two apart
    assert reader.format == (form if long or form == "cdb" else "cdb64")
    for key in {key for key, _ in pairs} | {absent}:
        found = [data for other, data in pairs if other == key]
        assert list(reader.get_all(key)) == found
        assert reader.get_many([key]) == [found[0] if found else None]
        assert (key in reader) == bool(found)
    assert list(reader.records()) == pairs
    assert list(reader) == list(dict(pairs))
    assert reader.check() is None


def with_zeros(image: bytes) -> bytes:
    """Return a cdb64 as some writers lay it out: a table without slots is at 0."""
    pointers = struct.iter_unpack("<QQ", image[:4096])
    return b"".join(struct.pack("<QQ", at if slots else 0, slots) for at, slots in pointers) + image[4096:]


@modest
@given(pairs=records.filter(bool), absent=keys)
def test_tables_without_slots_may_be_at_zero(core: Core, pairs: Pairs, absent: bytes) -> None:
    image = with_zeros(build(pairs, core, "cdb64"))
    reader = reader_type(core)(image)
    assert reader.format == "cdb64"
    for key in {key for key, _ in pairs} | {absent}:
        assert reader.get(key) == dict(reversed(pairs)).get(key)
    assert list(reader.records()) == pairs
    assert list(reader) == list(dict(pairs))
    assert reader.check() is None
    assert list(cdb.scan(image)) == pairs


def test_format_can_be_told(core: Core) -> None:
    image = build([(b"one", b"1")], core, "cdb64")
    assert reader_type(core)(image, format="cdb64").get(b"one") == b"1"
    assert reader_type(core)(image, format="cdb").get(b"one") is None
    with pytest.raises(ValueError, match="the format of a cdb file is cdb or cdb64, not zip"):
        reader_type(core)(image, format="zip")


def test_file_can_be_opened_as_a_format(tmp_path: Path) -> None:
    cdb.make(tmp_path / "a.cdb", [(b"one", b"1")], format="cdb64")
    with cdb.open(tmp_path / "a.cdb", format="cdb") as reader:
        assert (reader.format, reader.get(b"one")) == ("cdb", None)


def test_what_fits_no_format_is_refused(core: Core) -> None:
    for image in (b"\xff" * 4096, bytes(range(1, 251)) * 20):
        with pytest.raises(CdbFormatError, match="fits no format of cdb"):
            reader_type(core)(image)


@pytest.mark.parametrize("form", FORMATS)
def test_cores_write_the_same_bytes(core: Core, form: str) -> None:
    assert build(many(3000), core, form) == build(many(3000), cdb._core.load("pure"), form)


@pytest.mark.parametrize("form", ["cdb64", "cdblib64"])
def test_same_bytes_as_another_library(core: Core, form: str) -> None:
    """pure-cdb cuts the hash to 32 bits, unless it is kept from doing so."""
    cdblib = pytest.importorskip("cdblib")
    file = io.BytesIO()
    writer = cdblib.Writer64(file)
    if form == "cdb64":
        writer.hash_key = lambda key: (key, core.hash64(key))
    for key, data in many(3000):
        writer.put(key, data)
    writer.finalize()
    assert build(many(3000), core, form) == file.getvalue()
    reader = reader_type(core)(file.getvalue())
    assert reader.format == form
    for key, data in many(900):
        assert reader.get(key) == data


def test_short_keys_before_the_first_long_one_do_not_deceive(core: Core) -> None:
    for form in ("cdb64", "cdblib64"):
        reader = reader_type(core)(build([(b"a", b"1"), (b"abc", b"2"), (b"long key", b"3")], core, form))
        assert reader.format == form
        assert reader.get(b"long key") == b"3"


def test_zeros_where_a_wider_header_would_be_do_not_deceive(core: Core) -> None:
    reader = reader_type(core)(build([(b"key", bytes(4096))], core))
    assert reader.format == "cdb"
    assert reader.get(b"key") == bytes(4096)


@pytest.mark.parametrize("start", range(0, 4096, 256))
def test_damaged_header_does_not_change_the_format(core: Core, start: int) -> None:
    for form in ("cdb", "cdb64"):
        image = bytearray(build(many(2000), core, form))
        if form == "cdb64" or start < 2048:
            image[start : start + 256] = b"\xaa" * 256
            if start:
                assert reader_type(core)(bytes(image)).format == form


def test_unknown_format_is_refused_and_leaves_nothing(core: Core, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cdb or cdb64, not cdb32"):
        cdb.create(tmp_path / "people.cdb", format="cdb32", core=core)
    assert os.listdir(tmp_path) == []


def test_created_file_is_read_back(core: Core, tmp_path: Path) -> None:
    path = tmp_path / "people.cdb"
    with cdb.create(path, format="cdb64", core=core) as writer:
        for key, data in many(100):
            writer.add(key, data)
    assert path.read_bytes() == build(many(100), core, "cdb64")
    with cdb.open(path) as reader:
        assert reader.format == "cdb64"
        assert reader.get(b"key 7") == b"x" * 7


class Sparse:
    """A file that takes blocks, and holes in place of blocks of zeros."""

    def __init__(self, path: Path, header_size: int) -> None:
        self.file = path.open("wb", buffering=0)
        self.file.seek(header_size)

    def __call__(self, block: bytes) -> None:
        if len(block) >= len(HOLE):
            self.file.seek(len(block), os.SEEK_CUR)
        else:
            self.file.write(block)


HOLE = bytes(2**24)


@pytest.mark.parametrize("form", ["cdb64", "cdblib64"])
def test_records_on_both_sides_of_4_gb(core: Core, tmp_path: Path, form: str) -> None:
    """Sparse: the file takes a few pages of the disk."""
    path = tmp_path / "large.cdb"
    sink = Sparse(path, 4096)
    builder = core.builder(sink, format=form)
    builder.add(b"first", b"before")
    for number in range(257):
        builder.add(b"hole %d" % number, HOLE)
        builder.add(b"between %d" % number, b"data %d" % number)
    builder.add(b"last", b"behind")
    header = builder.finish()
    sink.file.seek(0)
    sink.file.write(header)
    sink.file.close()
    assert path.stat().st_size > 2**32
    assert path.stat().st_blocks * 512 < 2**24
    with path.open("rb") as file, reader_type(core)(contents(file.fileno())) as reader:
        assert reader.format == form
        assert reader.get(b"first") == b"before"
        assert reader.get(b"last") == b"behind"
        assert reader.get(b"lost") is None
        wanted = [b"between %d" % number for number in (0, 254, 255, 256)]
        assert reader.get_many(wanted) == [b"data 0", b"data 254", b"data 255", b"data 256"]
        assert [list(reader.get_all(key)) for key in wanted] == [[data] for data in reader.get_many(wanted)]
        place = reader.find(b"last")
        assert place is not None
        assert place[0] > 2**32
        assert reader.view[place[0] : place[0] + place[1]].tobytes() == b"behind"


def test_4_gb_are_refused_to_a_cdb_and_cdb64_is_offered(core: Core) -> None:
    builder = core.builder(lambda block: None)
    for _ in range(255):
        builder.add(b"key", HOLE)
    with pytest.raises(CdbTooLargeError, match="a cdb64 file can"):
        builder.add(b"key", HOLE)
    builder.add(b"key", b"still room")
    builder.finish()
