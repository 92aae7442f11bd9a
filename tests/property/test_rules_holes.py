"""Rules that lost a part, as a hole in a file loses it, never let in whom the whole refuses."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.rules_files import image_of, image_with
from ucspi.cdb import Reader
from ucspi.errors import CdbFormatError
from ucspi.rules import _checkimage, load
from ucspi.rules._native import lib

CLIENT = (b"1.2.3.4", b"a.b.org", b"joe")
LINES = [
    b":deny\n",
    b"1.:deny\n",
    b"1.2.3.4:deny\n",
    b"9.0-3.:deny\n",
    b'1.2.:deny,A="b",C=""\n',
    b"=.org:deny\n",
    b"joe@1.2.3.4:deny\n",
    b"10.0.0.0/8:deny\n",
    b"::1:deny\n",
    b'1.2.3.:deny,LONG="' + b"x" * 700 + b'"\n',
]
texts = st.lists(st.sampled_from(LINES), max_size=12).map(lambda lines: b"".join(lines) + b":deny\n")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file name that all examples share."""
    return tmp_path_factory.mktemp("rules") / "rules.cdb"


def allows(place: Path, image: bytes) -> bool:
    """Return whether a file lets the client, or one that no rule is about, in."""
    place.write_bytes(image)
    try:
        rules = load(bytes(place))
    except CdbFormatError:
        return False
    return rules.judge(*CLIENT).allowed or rules.judge(b"200.1.1.1").allowed


def hole(image: bytes, start: int, length: int) -> bytes:
    length = min(length, len(image) - start)
    return image[:start] + bytes(length) + image[start + length :]


@examples(400)
@given(text=texts, start=st.integers(0, 2**20), length=st.sampled_from([1, 2, 4, 8, 16, 512, 4096, 2**20]))
@example(text=b"127.:deny\n:deny\n", start=2048, length=2**20)
def test_zeros_in_rules_that_deny_everybody_let_nobody_in(
    place: Path, text: bytes, start: int, length: int
) -> None:
    image = image_of(text)
    assert not allows(place, hole(image, start % len(image), length))


def test_zeros_from_any_byte_on_let_nobody_in(place: Path) -> None:
    """With every length modulo 8, since removed records go by eight bytes."""
    for count in range(9):
        image = image_of(b"127.:deny\n" + b"=%s:deny\n" % (b"x" * count) + b":deny\n")
        for start in [*range(0, 2048, 101), *range(2040, len(image))]:
            assert not allows(place, hole(image, start, len(image))), (count, start)


def test_each_single_zero_lets_nobody_in(place: Path) -> None:
    image = image_of(b'1.2.3.4:deny,A="b"\n1.:deny\n:deny\n')
    for start in range(2048, len(image)):
        for length in (1, 2, 4, 8, 12, 16):
            assert not allows(place, hole(image, start, length)), (start, length)


def test_file_without_a_rule_is_one(place: Path) -> None:
    """The other way round: what tcprules makes of an empty text allows, as it always did."""
    assert allows(place, image_of(b""))


@pytest.mark.parametrize(
    ("data", "is_sound"),
    [
        (b"", True),
        (b"D\0", True),
        (b"D\0+A=b\0", True),
        (b"+A=\0", True),
        (b"+A=b\0c\0", True),  # of a value with a NUL
        (b"\0", False),
        (b"\0\0", False),
        (b"D", False),
        (b"D\0+A=b", False),
        (b"D\0\0", False),
        (b"+A=\0\0", False),
        (b"x\0D\0", False),
    ],
)
def test_data_is_what_tcprules_writes_or_refused(data: bytes, is_sound: bool) -> None:
    reader = Reader(image_with((b"1.", b"D\0"), (b"22.", data)))
    ways = [_checkimage.damage_of, _checkimage.odd_data] + (
        [] if lib is None else [_checkimage.odd_data_native]
    )
    for way in ways:
        damage = way(reader)
        assert (damage is None) == is_sound
        if damage is not None:
            assert (damage.reason, damage.offset) == (_checkimage.BAD_DATA, 2048 + 8 + 2 + 2 + 8 + 3)
