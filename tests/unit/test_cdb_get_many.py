"""Many keys in one call: the answers of `get`, in the order of the keys."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cdb_strategies import keys, records
from tests.support.cdbfiles import build
from tests.support.examples import examples
from ucspi.cdb._core import Core
from ucspi.cdb._reader import Reader, reader_type
from ucspi.errors import CdbFormatError, ClosedError

pytestmark = pytest.mark.sampled(3)

PAIRS = [(b"one", b"here"), (b"a", b"b"), (b"b", b"abc"), (b"one", b"also"), (b"", b"")]

modest = examples(60)


@pytest.fixture
def reader(core: Core) -> Reader:
    return reader_type(core)(build(PAIRS, core))


@modest
@given(pairs=records, wanted=st.lists(keys, max_size=50))
def test_many_keys_give_what_each_gives(
    core: Core, pairs: list[tuple[bytes, bytes]], wanted: list[bytes]
) -> None:
    reader = reader_type(core)(build(pairs, core))
    assert reader.get_many(wanted) == [reader.get(key) for key in wanted]


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 32, 1000])
def test_groups_of_any_size(core: Core, count: int) -> None:
    pairs = [(b"%d" % number, b"data of %d" % number) for number in range(1000)]
    reader = reader_type(core)(build(pairs, core))
    assert reader.get_many(key for key, _ in pairs[:count]) == [data for _, data in pairs[:count]]


def test_absent_keys_give_the_default(reader: Reader) -> None:
    assert reader.get_many([b"two", b"one", b"two"], b"-") == [b"-", b"here", b"-"]
    assert reader.get_many(keys=(b"two", b"a"), default=0) == [0, b"b"]
    assert reader.get_many([]) == []


def test_any_iterable_of_any_buffers_will_do(reader: Reader) -> None:
    assert reader.get_many(iter((b"a", bytearray(b"b"), memoryview(b"one")))) == [b"b", b"abc", b"here"]
    assert reader.get_many(dict(PAIRS)) == [b"here", b"b", b"abc", b""]


@pytest.mark.parametrize("wrong", ["one", [b"a", "b"], [b"one", None], b"one", None, 7])
def test_text_and_other_things_are_refused(reader: Reader, wrong: Any) -> None:
    with pytest.raises(TypeError):
        reader.get_many(wrong)


def test_text_is_refused_with_advice(reader: Reader) -> None:
    wrong: Any = [b"one", "two"]
    with pytest.raises(TypeError, match="must be bytes, not str: encode it first"):
        reader.get_many(wrong)


def test_close_by_the_keys_themselves_is_seen(reader: Reader) -> None:
    def closing() -> Iterator[bytes]:
        yield b"one"
        reader.close()
        yield b"a"

    with pytest.raises(ClosedError):
        reader.get_many(closing())
    with pytest.raises(ClosedError):
        reader.get_many([])


def test_error_in_the_keys_passes_through(reader: Reader) -> None:
    def failing() -> Iterator[bytes]:
        yield b"one"
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        reader.get_many(failing())


def test_first_damaged_key_is_the_one_that_is_told(core: Core) -> None:
    image = bytearray(build(PAIRS, core))
    offsets = []
    for key in (b"b", b"one"):
        pointer = (core.hash(key) & 255) * 8
        image[pointer : pointer + 4] = b"\xff" * 4
        offsets.append(pointer)
    damaged = reader_type(core)(bytes(image))
    with pytest.raises(CdbFormatError, match="table outside") as caught:
        damaged.get_many([b"two", b"b", b"one"])
    assert caught.value.offset == offsets[0]
    with pytest.raises(CdbFormatError) as caught:
        damaged.get_many([b"one", b"b"])
    assert caught.value.offset == offsets[1]
