"""Laws of the text format."""

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from tests.cdbfiles import build, text
from tests.strategies import records
from ucspi.cdb import CdbTextError, dump, load, scan
from ucspi.cdb._core import CORE

Pairs = list[tuple[bytes, bytes]]

# Mostly what a text is made of, so that some of it is one.
scraps = st.lists(
    st.sampled_from(
        [b"+1,1:", b"a->b\n", b"+0,0:->\n", b"\n", b"+", b"0", b"2", b",", b":", b"->", b"a", b"\0"]
    ),
    max_size=12,
).map(b"".join)


class Kept(Pairs):
    def add(self, key: bytes, data: bytes) -> None:
        self.append((key, data))


def outcome(blocks: list[bytes]) -> tuple[Pairs, object]:
    """Return the records, and how the text ended."""
    kept = Kept()
    try:
        return kept, load(blocks, kept)
    except CdbTextError as error:
        return kept, (error.reason, error.entry, error.offset, error.is_cut)


def bytewise(whole: bytes) -> list[bytes]:
    return [whole[at : at + 1] for at in range(len(whole))]


def cut(whole: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(whole) + 1) for place in places), len(whole)]
    return [whole[start:end] for start, end in pairwise(edges)]


@given(pairs=records)
def test_text_of_an_image_loads_to_the_same_records(pairs: Pairs) -> None:
    blocks: list[bytes] = []
    dump(build(pairs, CORE), blocks.append)
    assert b"".join(blocks) == text(pairs)
    assert outcome(blocks) == (pairs, len(pairs))


@given(pairs=records, tail=st.binary(max_size=10), places=st.lists(st.integers(0, 2**20), max_size=5))
def test_blocks_and_what_follows_make_no_difference(pairs: Pairs, tail: bytes, places: list[int]) -> None:
    whole = text(pairs) + tail
    for blocks in ([whole], bytewise(whole), cut(whole, places)):
        assert outcome(blocks) == (pairs, len(pairs))


@given(whole=scraps, places=st.lists(st.integers(0, 2**20), max_size=3))
@example(whole=b"+1,0:a->\n+1,1:aa->b\n\n", places=[])
def test_damaged_text_ends_the_same_however_it_comes(whole: bytes, places: list[int]) -> None:
    expected = outcome([whole])
    assert outcome(bytewise(whole)) == expected
    assert outcome(cut(whole, places)) == expected


@given(pairs=records, places=st.lists(st.integers(0, 2**20), max_size=5))
def test_image_may_come_in_any_blocks(pairs: Pairs, places: list[int]) -> None:
    image = build(pairs, CORE)
    for blocks in (bytewise(image), cut(image, places)):
        assert list(scan(blocks)) == pairs
