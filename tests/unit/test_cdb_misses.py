"""Many misses in a large file: from some number on they are answered by a sieve of hashes."""

import pytest

from tests.support.cdbfiles import build
from ucspi import cdb
from ucspi.cdb import Reader
from ucspi.errors import CdbFormatError, ClosedError

COUNT = 70_000  # the tables of fewer than 65,536 records get no sieve
MISSES = 6_000  # more than pay for one


def key(number: int) -> bytes:
    return b"%d" % number


@pytest.fixture(scope="module", params=["cdb", "cdb64"])
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("misses") / "large"
    cdb.make(path, ((key(n), b"=%d" % n) for n in range(COUNT)), format=request.param, fsync=False)
    return path.read_bytes()


def miss(reader: Reader) -> None:
    assert not any(b"x%d" % n in reader for n in range(MISSES))


def test_what_is_there_is_found_after_however_many_misses(image: bytes) -> None:
    reader = Reader(image)
    miss(reader)
    assert all(reader.get(key(n)) == b"=%d" % n for n in range(0, COUNT, 7))
    assert all(reader[key(n)] == b"=%d" % n for n in range(0, COUNT, 1001))
    miss(reader)
    assert reader.get(b"nothing", b"default") == b"default"
    with pytest.raises(KeyError):
        reader[b"nothing"]


def test_damage_is_met_after_many_misses_as_before(image: bytes) -> None:
    header, pair = (2048, 8) if Reader(image).format == "cdb" else (4096, 16)
    damaged = bytearray(image)
    damaged[header : header + pair // 2] = b"\xff" * (pair // 2)  # the length of the first key
    reader = Reader(bytes(damaged))
    miss(reader)
    assert reader.get(key(0)) is None  # no other key has that length
    assert reader.get(key(1)) == b"=1"


@pytest.mark.parametrize("position", [2**31 - 1, 64])
def test_file_with_a_bad_table_still_ends_in_its_error(image: bytes, position: int) -> None:
    pair = 8 if Reader(image).format == "cdb" else 16
    damaged = bytearray(image)
    damaged[pair : pair + 4] = position.to_bytes(4, "little")  # the second table: outside, or in the header
    reader = Reader(bytes(damaged))
    absent = [b"x%d" % n for n in range(MISSES * 2)]
    lost = [missing for missing in absent if cdb.hash(missing) % 256 == 1]
    assert len(lost) > 1
    assert not any(missing in reader for missing in absent if missing not in lost)
    for missing in lost:
        with pytest.raises(CdbFormatError):
            reader.get(missing)


def test_closed_reader_with_a_sieve_says_that_it_is_closed(image: bytes) -> None:
    reader = Reader(image)
    miss(reader)
    reader.close()
    reader.close()
    with pytest.raises(ClosedError):
        reader.get(b"nothing")


def test_small_file_answers_misses_without_end() -> None:
    from ucspi.cdb._core import CORE

    reader = Reader(build([(b"a", b"b")], CORE))
    miss(reader)
    assert reader.get(b"a") == b"b"
