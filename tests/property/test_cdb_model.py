"""A cdb is a list of pairs: what is put in is found, on every core, and nothing else."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.cdb_strategies import keys, records
from tests.support.cdbfiles import build
from tests.support.examples import examples
from ucspi.cdb._core import Core
from ucspi.cdb._hash import HASHES
from ucspi.cdb._hashmany import FEW, WIDE, hash_many
from ucspi.cdb._reader import reader_type
from ucspi.cdb.layout import CDB, CDB64, CDBLIB64, Layout

Pairs = list[tuple[bytes, bytes]]

# The core fixture does not change between examples.
modest = examples(60)


@modest
@given(pairs=records, absent=keys)
def test_get_all_is_a_filtered_list(core: Core, pairs: Pairs, absent: bytes) -> None:
    reader = reader_type(core)(build(pairs, core))
    for key in {key for key, _ in pairs} | {absent}:
        found = [data for other, data in pairs if other == key]
        assert list(reader.get_all(key)) == found
        assert reader.get(key) == (found[0] if found else None)
        assert (key in reader) == bool(found)


@modest
@given(pairs=records)
def test_records_are_the_list_and_items_its_first_pairs(core: Core, pairs: Pairs) -> None:
    reader = reader_type(core)(build(pairs, core))
    first: dict[bytes, bytes] = {}
    for key, data in pairs:
        first.setdefault(key, data)
    assert list(reader.records()) == pairs
    assert list(reader) == list(first)
    assert list(reader.items()) == list(reader.first_records()) == list(first.items())
    assert list(reader.values()) == list(first.values())
    assert len(reader) == len(first)
    assert reader.check() is None


@modest
@given(key=st.binary(max_size=300))
def test_hash_is_as_the_format_says(core: Core, key: bytes) -> None:
    h = 5381
    for byte in key:
        h = ((h << 5) + h & 0xFFFFFFFF) ^ byte
    assert core.hash(key) == h


@pytest.mark.parametrize("layout", [CDB, CDB64, CDBLIB64], ids=lambda layout: layout.name)
@modest
@given(some=st.lists(st.binary(max_size=WIDE + 2)), filler=st.binary(max_size=WIDE))
@example(some=[b"\xff" * WIDE, b"x" * (WIDE + 1), b""], filler=b"")
def test_keys_hashed_together_have_the_hashes_they_have_alone(
    layout: Layout, some: list[bytes], filler: bytes
) -> None:
    for wanted in (some, some + [filler] * FEW):
        hash_one = HASHES[layout.hash_bits]
        assert hash_many(wanted, layout.hash_bits) == [hash_one(key) for key in wanted]


@modest
@given(pairs=records, cut=st.integers(1, 9))
def test_sink_gets_the_file_in_order(core: Core, pairs: Pairs, cut: int) -> None:
    """Data of a block and more is passed on; what was gathered before goes first."""
    pairs = [(key, data * (8192 if number % cut == 0 else 1)) for number, (key, data) in enumerate(pairs)]
    image = build(pairs, core)
    assert list(reader_type(core)(image).records()) == pairs


@modest
@given(numbers=st.lists(st.integers(0, 30), max_size=120))
def test_first_records_of_many_groups(core: Core, numbers: list[int]) -> None:
    """The C core walks 16 records ahead: duplicates within a group and across groups."""
    pairs = [(b"%d" % number, b"%d" % place) for place, number in enumerate(numbers)]
    first: dict[bytes, bytes] = {}
    for key, data in pairs:
        first.setdefault(key, data)
    reader = reader_type(core)(build(pairs, core))
    assert list(reader.first_records()) == list(first.items())
    assert list(reader) == list(first)
