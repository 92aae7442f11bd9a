"""Laws of the text format."""

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.cdb_strategies import records
from tests.support.cdbfiles import build, text
from ucspi.cdb import CdbFormatError, CdbTextError, dump, load, scan
from ucspi.cdb._core import CORE

Pairs = list[tuple[bytes, bytes]]

# Mostly what a text is made of, so that some of it is one.
scraps = st.lists(
    st.sampled_from(
        [b"+1,1:", b"a->b\n", b"+0,0:->\n", b"\n", b"+", b"0", b"2", b",", b":", b"->", b"a", b"\0"]
    ),
    max_size=12,
).map(b"".join)


# Entries that are right, and what may be wrong with one.
entries = st.one_of(
    st.tuples(st.binary(max_size=12), st.binary(max_size=30)).map(lambda pair: text([pair])[:-1]),
    st.sampled_from(
        [b"+01,00000001:a->b\n", b"+000000001,1:a->b\n", b"+1,:a->\n", b"+,1:->b\n", b"+1,99999999:a->b\n"]
    ),
)


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


def built(blocks: list[bytes]) -> tuple[bytes, object]:
    """As `outcome`, but into a builder, which the C core fills by itself where it can."""
    made: list[bytes] = []
    builder = CORE.builder(made.append)
    try:
        end: object = load(blocks, builder)
    except CdbTextError as error:
        end = (error.reason, error.entry, error.offset, error.is_cut)
    return builder.finish() + b"".join(made), end


@given(
    whole=st.lists(st.one_of(entries, scraps), max_size=8).map(b"".join),
    places=st.lists(st.integers(0, 2**20), max_size=4),
    ended=st.booleans(),
)
@example(whole=b"+1,1:a->b\n+1,12345678", places=[], ended=False)
def test_c_core_and_parser_agree_on_text(whole: bytes, places: list[int], ended: bool) -> None:
    whole += b"\n" * ended
    for blocks in ([whole], bytewise(whole), cut(whole, places)):
        pairs, end = outcome(blocks)
        assert built(blocks) == (build(pairs, CORE), end)


def dumped(blocks: list[bytes]) -> tuple[bytes, object]:
    out: list[bytes] = []
    try:
        dump(blocks, out.append)
    except CdbFormatError as damage:
        return b"".join(out), (type(damage), damage.reason, damage.offset)
    return b"".join(out), None


def scanned(blocks: list[bytes]) -> tuple[bytes, object]:
    """As `dumped`, through Python objects."""
    pairs: Pairs = []
    try:
        for pair in scan(blocks):
            pairs.append(pair)
    except CdbFormatError as damage:
        return text(pairs)[:-1], (type(damage), damage.reason, damage.offset)
    return text(pairs), None


@given(
    pairs=records,
    form=st.sampled_from(["cdb", "cdb64"]),
    where=st.integers(0, 2**20),
    patch=st.sampled_from([b"", b"\xff", b"\0", b"\x05\0\0\0", b"\xff" * 8, b"\0\x10"]),
    places=st.lists(st.integers(0, 2**20), max_size=4),
    length=st.integers(0, 2**20),
)
def test_c_core_and_walk_agree_on_images(
    pairs: Pairs, form: str, where: int, patch: bytes, places: list[int], length: int
) -> None:
    image = bytearray(build(pairs, CORE, form))
    where %= len(image)
    image[where : where + len(patch)] = patch
    whole = bytes(image[: length if length % 3 == 0 else None])
    for blocks in ([whole], cut(whole, places)):
        assert dumped(blocks) == scanned(blocks)


def test_dump_of_records_larger_than_its_pieces() -> None:
    pairs = [(b"a", b"x" * 300000), (b"b", b""), (b"c" * 262144, b"y"), (b"d", b"z" * 262090)]
    image = build(pairs, CORE)
    assert dumped([image]) == (text(pairs), None)
    assert built([text(pairs)]) == (image, 4)
