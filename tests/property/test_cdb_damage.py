"""Damaged images end in an answer or a `CdbFormatError`, the same on every core."""

import struct
from collections.abc import Callable, Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.cdb_strategies import AWKWARD, records
from tests.support.cdbfiles import build
from tests.support.examples import examples
from ucspi.cdb._core import NAMES, Core, load
from ucspi.cdb._reader import reader_type
from ucspi.errors import BackendUnavailableError, CdbFormatError

Pairs = list[tuple[bytes, bytes]]
PROBES = [*AWKWARD, b"a", b"ab", b"abc"]


def available() -> list[Core]:
    """Return the cores that are built; the pure one always is."""
    cores = []
    for name in NAMES:
        try:
            cores.append(load(name))
        except BackendUnavailableError:
            pass
    return cores


def steps(items: Iterable[object]) -> list[object]:
    """Return what an iterator gives, with the damage that ends it."""
    seen: list[object] = []
    try:
        for item in items:
            seen.append(item)
    except CdbFormatError as damage:
        seen.append((damage.reason, damage.offset))
    return seen


def answer(function: Callable[[], object]) -> object:
    try:
        return function()
    except CdbFormatError as damage:
        return damage.reason, damage.offset


def everything(image: bytes, core: Core, keys: list[bytes]) -> list[object]:
    """Ask one core everything about an image; only `CdbFormatError` may come."""
    try:
        reader = reader_type(core)(image)
    except CdbFormatError as damage:
        return [(damage.reason, damage.offset)]
    found = reader.check()
    answers: list[object] = [found and (found.reason, found.offset)]
    for key in keys:
        for ask in (reader.get, reader.find, reader.__contains__):
            answers.append(answer(lambda ask=ask, key=key: ask(key)))  # type: ignore[misc]
        answers.append(steps(reader.get_all(key)))
    answers.append(answer(lambda: reader.get_many(keys)))
    answers.append(steps(reader.records()))
    answers.append(steps(reader))
    answers.append(steps(reader.first_records()))
    return answers


def agree(image: bytes, keys: list[bytes]) -> list[object]:
    """Return what all cores say about an image."""
    first, *others = (everything(image, core, keys) for core in available())
    for other in others:
        assert other == first
    return first


pure = load("pure")
formats = st.sampled_from(["cdb", "cdb64", "cdblib64"])
places = st.lists(
    st.tuples(st.integers(0, 2**32), st.one_of(st.binary(min_size=1, max_size=8), st.just(b"\xff" * 4))),
    min_size=1,
    max_size=4,
)


@examples(300)
@given(pairs=records, changes=places, form=formats)
def test_cores_agree_on_changed_bytes(pairs: Pairs, changes: list[tuple[int, bytes]], form: str) -> None:
    image = bytearray(build(pairs, pure, form))
    for place, patch in changes:
        place %= len(image)
        image[place : place + len(patch)] = patch[: len(image) - place]
    agree(bytes(image), PROBES + [key for key, _ in pairs[:5]])


@examples(200)
@given(
    pairs=records.filter(bool),
    where=st.integers(0, 2**32),
    number=st.one_of(st.integers(0, 5000), st.integers(2**32 - 40, 2**32 - 1)),
)
@example(pairs=[(b"", b"")], where=0, number=0)
def test_cores_agree_on_any_integer_changed(pairs: Pairs, where: int, number: int) -> None:
    """Pointers, heads and slots are pairs of u32; from 2048 on any multiple of 4 may be one."""
    image = bytearray(build(pairs, pure))
    struct.pack_into("<I", image, where % (len(image) // 4) * 4, number)
    agree(bytes(image), PROBES + [key for key, _ in pairs[:5]])


@examples(200)
@given(
    pairs=records.filter(bool),
    where=st.integers(0, 2**32),
    number=st.one_of(
        st.integers(0, 9000), st.integers(2**32 - 40, 2**32 + 40), st.integers(2**64 - 80, 2**64 - 1)
    ),
)
def test_cores_agree_on_any_long_integer_changed(pairs: Pairs, where: int, number: int) -> None:
    """In a cdb64 too; sums of its numbers must not wrap."""
    image = bytearray(build(pairs, pure, "cdb64"))
    struct.pack_into("<Q", image, where % (len(image) // 8) * 8, number)
    agree(bytes(image), PROBES + [key for key, _ in pairs[:5]])


def test_cores_agree_on_every_truncation() -> None:
    pairs = [(b"one", b"here"), (b"a", b"b"), (b"", b""), (b"one", b"also")]
    image = build(pairs, pure)
    for length in [*range(0, 2048, 97), *range(2040, len(image))]:
        answers = agree(image[:length], [b"one", b"", b"two"])
        assert isinstance(answers[0], tuple), length


def test_truncated_cdb64_is_damaged_not_empty() -> None:
    """Read as a cdb it would have no slots at all."""
    image = build([(b"one", b"here"), (b"a", b"b"), (b"", b""), (b"one", b"also")], pure, "cdb64")
    for length in [*range(0, 4096, 197), *range(4090, len(image))]:
        answers = agree(image[:length], [b"one", b"", b"two"])
        assert isinstance(answers[0], tuple), length


def test_bytes_after_the_last_table_are_no_damage(core: Core) -> None:
    assert reader_type(core)(build([(b"one", b"1")], core) + b"left by tinycdb -r").check() is None


def full_table(key: bytes, core: Core) -> bytes:
    """Return an image whose every slot in the key's table is full, with another record."""
    pairs = [(b"other", b"2")]
    image = bytearray(build(pairs, core))
    end = len(image) - 16
    del image[end:]
    h = core.hash(key)
    slots = [(h ^ 0x100, 2048)] * 4
    image += b"".join(struct.pack("<II", *slot) for slot in slots)
    for number in range(256):
        struct.pack_into("<II", image, number * 8, end, 4 if number == h & 255 else 0)
    return bytes(image)


def test_table_with_no_empty_slot_ends(core: Core) -> None:
    reader = reader_type(core)(full_table(b"one", core))
    assert reader.get(b"one") is None
    assert list(reader.get_all(b"one")) == []
    assert reader.check() is not None


@pytest.mark.parametrize(
    ("offset", "number", "reason", "where"),
    [
        (0, 2**32 - 1, "table outside the file", 0),  # the records end where table 0 begins
        (2048, 2**32 - 1, "record crosses the end", 2048),  # key length
        (2052, 2**32 - 1, "record crosses the end", 2048),  # data length
        (2048, 2, "slot has the hash of another key", None),
    ],
)
def test_check_names_the_damage(core: Core, offset: int, number: int, reason: str, where: int | None) -> None:
    image = bytearray(build([(b"one", b"12345678")], core))
    struct.pack_into("<I", image, offset, number)
    if offset == 2048 and number == 2:
        struct.pack_into("<I", image, 2052, 9)
    damage = reader_type(core)(bytes(image)).check()
    assert damage is not None
    assert damage.reason == reason
    assert where is None or damage.offset == where


def table_of(image: bytearray, key: bytes) -> tuple[int, int]:
    """Return position and slots of the table that a key belongs to."""
    table, slots = struct.unpack_from("<II", image, (pure.hash(key) & 255) * 8)
    return table, slots


def test_check_finds_a_record_that_no_slot_names(core: Core) -> None:
    image = bytearray(build([(b"one", b"1"), (b"two", b"2")], core))
    table, slots = table_of(image, b"two")
    image[table : table + slots * 8] = bytes(slots * 8)
    damage = reader_type(core)(bytes(image)).check()
    assert damage is not None
    assert (damage.reason, damage.offset) == ("record that no slot names", 2048 + 8 + 4)


def test_check_accepts_a_record_that_tinycdb_removed(core: Core) -> None:
    """``cdb -c -0`` empties the key, zeros the data and forgets the slot."""
    image = bytearray(build([(b"one", b"1"), (b"two", b"2")], core))
    table, slots = table_of(image, b"one")
    image[table : table + slots * 8] = bytes(slots * 8)
    image[2048:2060] = struct.pack("<II", 0, 4) + bytes(4)
    reader = reader_type(core)(bytes(image))
    assert reader.check() is None
    assert list(reader.records()) == [(b"", bytes(4)), (b"two", b"2")]


def test_check_finds_a_slot_behind_an_empty_one(core: Core) -> None:
    image = bytearray(build([(b"one", b"1")], core))
    table, slots = table_of(image, b"one")
    assert slots == 2
    image[table : table + 16] = image[table + 8 : table + 16] + image[table : table + 8]
    reader = reader_type(core)(bytes(image))
    assert reader.get(b"one") is None
    damage = reader.check()
    assert damage is not None
    assert damage.reason == "slot cannot be reached from its first slot"


def test_slot_inside_the_header_is_damage(core: Core) -> None:
    image = bytearray(build([(b"one", b"1")], core))
    table, slots = table_of(image, b"one")
    for at in range(table, table + slots * 8, 8):
        struct.pack_into("<II", image, at, core.hash(b"one"), 8)
    with pytest.raises(CdbFormatError, match="slot names no record"):
        reader_type(core)(bytes(image)).get(b"one")


def test_removed_record_is_damage_where_none_can_be(core: Core) -> None:
    image = bytearray(build([(b"one", b"1"), (b"two", b"2")], core))
    table, slots = table_of(image, b"one")
    image[table : table + slots * 8] = bytes(slots * 8)
    image[2048:2060] = struct.pack("<II", 0, 4) + bytes(4)
    damage = reader_type(core)(bytes(image)).check(allow_removed=False)
    assert damage is not None
    assert (damage.reason, damage.offset) == ("record that no slot names", 2048)
    assert reader_type(core)(build([(b"one", b"1")], core)).check(allow_removed=False) is None


def test_hole_behind_the_header_is_damage_where_nothing_is_removed(core: Core) -> None:
    """One in eight such files looks like removed records to their very end."""
    image = build([(b"127.", b"D\0"), (b"", b"D\0")], core)
    hole = reader_type(core)(image[:2048] + bytes(len(image) - 2048))
    assert hole.check() is None
    assert hole.check(allow_removed=False) is not None
