"""Numbers on command lines, of any length."""

import pytest

from ucspi.programs._options import LARGEST, number
from ucspi.programs._program import Stop


@pytest.mark.parametrize("digits", [b"7", b"07", b"0" * 5000 + b"7"])
def test_zeros_in_front_do_not_count(digits: bytes) -> None:
    assert number(b"x", b"c", digits) == 7


@pytest.mark.parametrize(
    "digits", [b"9" * 5000, b"%d" % (LARGEST + 1), b"", b"1_0", b"+1", "\u0663".encode()]
)
def test_what_is_none_is_one_short_line(digits: bytes) -> None:
    with pytest.raises(Stop) as raised:
        number(b"x", b"c", digits)
    assert raised.value.code == 100
    assert raised.value.line.startswith(b"x: fatal: -c wants a number of at most ")
    assert len(raised.value.line) < 200
