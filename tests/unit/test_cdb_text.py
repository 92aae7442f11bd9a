"""Text in cdbmake's format, and images that are read from the front."""

import io
from typing import Any

import pytest

from tests.support.cdbfiles import build, text
from ucspi.cdb import (
    CdbFormatError,
    CdbLengthError,
    CdbTextError,
    CdbTooLargeError,
    CdbTruncatedError,
    Reader,
    dump,
    load,
    scan,
)
from ucspi.cdb._core import CORE, Core

pytestmark = pytest.mark.sampled(5)

Pairs = list[tuple[bytes, bytes]]
PAIRS = [(b"one", b"Hello"), (b"", b""), (b"a\nb->", b"\0+1,1:"), (b"one", b"again")]
IMAGE = build(PAIRS, CORE)
RECORDS_END = int.from_bytes(IMAGE[:4], "little")


class Kept:
    """Keeps what is loaded."""

    def __init__(self) -> None:
        self.pairs: Pairs = []

    def add(self, key: bytes, data: bytes) -> None:
        self.pairs.append((key, data))


def loaded(source: object, **options: bool) -> Pairs:
    kept = Kept()
    count = load(source, kept, **options)  # type: ignore[arg-type]  # so that wrong things can be tried
    assert count == len(kept.pairs)
    return kept.pairs


def dumped(source: object) -> bytes:
    blocks: list[bytes] = []
    dump(source, blocks.append)  # type: ignore[arg-type]
    return b"".join(blocks)


@pytest.mark.parametrize(
    ("source", "reason", "entry", "offset", "is_cut"),
    [
        (b"", "the text ends without an empty line", 1, 0, False),
        (b"+1,1:a->b\n", "the text ends without an empty line", 2, 10, False),
        (b"x", "a record must begin with +", 1, 0, False),
        (b"+1,1:a->b\n+1,1:a->b\n\r\n", "a record must begin with +", 3, 20, False),
        (b"+1", "the text ends without an empty line", 1, 2, False),
        (b"+1a,", "the key's length must be digits and end with a comma", 1, 2, False),
        (b"+-1,", "the key's length must be digits and end with a comma", 1, 1, False),
        (b"+ 1,", "the key's length must be digits and end with a comma", 1, 1, False),
        (b"+1_0,", "the key's length must be digits and end with a comma", 1, 2, False),
        ("+\u0661,".encode(), "the key's length must be digits and end with a comma", 1, 1, False),
        (b"+1,1,", "the data's length must be digits and end with a colon", 1, 4, False),
        (b"+2,1:a", "the text ends inside a key", 1, 6, True),
        (b"+1,1:", "the text ends inside a key", 1, 5, True),
        (b"+1,1:a", "the text ends without an empty line", 1, 6, False),
        (b"+1,1:a--", "the key must be followed by ->", 1, 7, False),
        (b"+1,1:ab->", "the key must be followed by ->", 1, 6, False),
        (b"+1,1:a->", "the text ends inside data", 1, 8, True),
        (b"+1,1:a->b", "the text ends without an empty line", 1, 9, False),
        (b"+1,1:a->bc", "the data must be followed by a newline", 1, 9, False),
        (b"+1,1:a->b\r\n", "the data must be followed by a newline", 1, 9, False),
    ],
)
def test_malformed_text_is_refused_at_its_first_wrong_byte(
    source: bytes, reason: str, entry: int, offset: int, is_cut: bool
) -> None:
    for blocks in ([source], [source[at : at + 1] for at in range(len(source))]):
        with pytest.raises(CdbTextError) as refused:
            loaded(blocks)
        error = refused.value
        assert (error.reason, error.entry, error.offset, error.is_cut) == (reason, entry, offset, is_cut)


def test_message_says_where_and_why() -> None:
    with pytest.raises(CdbTextError, match=r"^entry 2, byte 10: a record must begin with \+$"):
        loaded(b"+1,1:a->b\nx")


@pytest.mark.parametrize("length", [b"4294967210", b"42949672090", b"9" * 5000, b"0004294967210"])
def test_length_beyond_a_cdb_file_is_refused_before_its_data_is_waited_for(length: bytes) -> None:
    for source in (b"+" + length + b",0:", b"+0," + length + b":"):
        with pytest.raises(CdbLengthError) as refused:
            loaded(source)
        assert isinstance(refused.value, CdbTooLargeError)
        assert isinstance(refused.value, CdbTextError)
        assert refused.value.entry == 1


def test_largest_length_of_the_original_is_taken() -> None:
    with pytest.raises(CdbTextError, match="inside a key"):
        loaded(b"+4294967209,4294967209:")


def test_length_may_have_any_number_of_leading_zeros() -> None:
    zeros = b"0" * 100_000
    assert loaded(b"+" + zeros + b"1," + zeros + b"2:a->bc\n\n") == [(b"a", b"bc")]


def test_length_without_digits_is_zero_as_in_the_original() -> None:
    assert loaded(b"+,:->\n\n") == [(b"", b"")]


@pytest.mark.parametrize("source", [b"+,0:->\n\n", b"+0,:->\n\n"])
def test_length_without_digits_can_be_refused(source: bytes) -> None:
    with pytest.raises(CdbTextError, match="must be digits"):
        loaded(source, empty_lengths=False)


def test_nothing_is_read_after_the_empty_line() -> None:
    blocks = iter([b"+1,1:a->b\n", b"\n", b"not looked at"])
    assert loaded(blocks) == [(b"a", b"b")]
    assert list(blocks) == [b"not looked at"]


def test_records_before_the_damage_are_added() -> None:
    kept = Kept()
    with pytest.raises(CdbTextError):
        load(b"+1,1:a->b\n+1,1:c", kept)
    assert kept.pairs == [(b"a", b"b")]


@pytest.mark.parametrize("wrap", [bytearray, memoryview, io.BytesIO, lambda whole: [whole], iter])
def test_text_and_image_may_come_as_many_things(wrap: object) -> None:
    def wrapped(whole: bytes) -> object:
        return iter([whole]) if wrap is iter else wrap(whole)  # type: ignore[operator]

    assert loaded(wrapped(text(PAIRS))) == PAIRS
    assert dumped(wrapped(IMAGE)) == text(PAIRS)


@pytest.mark.parametrize("source", ["people.cdb", ["+0,0:->\n\n"], io.StringIO("+0,0:->\n\n"), [3, 4]])
def test_source_that_gives_no_bytes_is_a_type_error_that_says_what_it_is(source: Any) -> None:
    for use in (loaded, dumped, lambda it: list(scan(it))):
        with pytest.raises(TypeError, match=r"source .*, not (str|int)"):
            use(source)


def test_reader_can_be_dumped() -> None:
    assert dumped(Reader(IMAGE)) == text(PAIRS)


def test_dump_goes_out_in_blocks() -> None:
    image = build([(b"k%d" % number, b"x" * 1000) for number in range(200)], CORE)
    blocks: list[bytes] = []
    dump(image, blocks.append)
    assert 3 < len(blocks) < 10
    assert loaded(blocks)[-1] == (b"k199", b"x" * 1000)


@pytest.mark.parametrize("form", ["cdb64", "cdblib64"])
@pytest.mark.parametrize("pairs", [[], PAIRS, [(b"a key with a long hash", b"x" * 9999)] * 9])
def test_image_in_64_bits_is_scanned_and_dumped_however_it_comes(form: str, pairs: Pairs) -> None:
    image = build(pairs, CORE, form)
    sources = [image, Reader(image), io.BytesIO(image), [image[:3000], image[3000:]]]
    sources += [(image[at : at + 1] for at in range(len(image)))]
    for source in sources:
        assert list(scan(source)) == pairs  # type: ignore[arg-type]
    assert dumped(image) == text(pairs)


@pytest.mark.parametrize("length", [0, 9, 2047, 2048, 3000, 4095])
def test_header_in_64_bits_that_is_cut_is_too_short(length: int) -> None:
    with pytest.raises(CdbTruncatedError, match=f"shorter than its header at byte {length}"):
        list(scan(build(PAIRS, CORE, "cdb64")[:length]))


@pytest.mark.parametrize("start", range(16, 4096, 240))
def test_damaged_header_does_not_change_what_is_scanned(start: int) -> None:
    for form in ("cdb", "cdb64"):
        image = bytearray(build(PAIRS * 99, CORE, form))
        if form == "cdb64" or start <= 2048 - 240:
            image[start : start + 240] = b"\xaa" * 240
        assert list(scan(bytes(image))) == PAIRS * 99


def test_hash_tables_are_neither_needed_nor_read() -> None:
    blocks = iter([IMAGE[:RECORDS_END], b"tables"])
    assert list(scan(blocks)) == PAIRS
    assert list(blocks) == [b"tables"]


@pytest.mark.parametrize("length", range(0, RECORDS_END, 7))
def test_image_that_ends_too_early_gives_what_is_whole_and_then_an_error(length: int) -> None:
    found: Pairs = []
    with pytest.raises(CdbTruncatedError) as refused:
        found.extend(scan(IMAGE[:length]))
    assert found == PAIRS[: len(found)]
    assert refused.value.offset == length


@pytest.mark.parametrize(
    ("end", "offset"),
    [(0, 0), (2047, 0), (2049, 2048), (RECORDS_END - 1, RECORDS_END - 16), (RECORDS_END + 4, RECORDS_END)],
)
def test_records_that_do_not_end_where_they_should_are_damage(end: int, offset: int) -> None:
    image = end.to_bytes(4, "little") + IMAGE[4:]
    with pytest.raises(CdbFormatError) as refused:
        list(scan(image))
    assert refused.value.offset == offset
    assert not isinstance(refused.value, CdbTruncatedError)


def test_absurd_lengths_are_refused_before_anything_is_gathered() -> None:
    image = IMAGE[:2048] + b"\xff" * 8 + IMAGE[2056:]
    with pytest.raises(CdbFormatError) as refused:
        list(scan(image))
    assert refused.value.offset == 2048


def test_text_of_whole_records_goes_out_before_the_damage_is_told() -> None:
    blocks: list[bytes] = []
    with pytest.raises(CdbTruncatedError):
        dump(IMAGE[: RECORDS_END - 1], blocks.append)
    assert b"".join(blocks) == text(PAIRS[:-1])[:-1]


def test_failing_sink_ends_the_dump() -> None:
    def full(block: bytes) -> None:
        raise OSError(28, "full")

    with pytest.raises(OSError, match="full"):
        dump(IMAGE, full)


@pytest.mark.parametrize("zeros", [1, 7, 8, 9, 40, 1500])
def test_zeros_in_front_of_lengths_change_nothing(zeros: int, core: Core) -> None:
    pairs = [(b"key %d" % number, b"x" * (number % 41)) for number in range(200)]
    pad = b"0" * zeros
    padded = b"".join(b"+%b%d,%b%d:%b->%b\n" % (pad, len(k), pad, len(d), k, d) for k, d in pairs) + b"\n"
    blocks: list[bytes] = []
    builder = core.builder(blocks.append)
    assert load(padded, builder) == len(pairs)
    assert builder.finish() + b"".join(blocks) == build(pairs, core)
