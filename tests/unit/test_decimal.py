"""Numbers in text from outside: what `int` would take or refuse counts for nothing."""

import pytest

from ucspi.decimal import first_digits, leading_digits, remainder, whole_number

MANY = b"9" * 5000  # `int` refuses more than 4300


@pytest.mark.parametrize("text", [b"", b" 1", b"1 ", b"+1", b"-1", b"1_0", b"0x1", b"1\n", "٣".encode()])
def test_only_digits_are_a_whole_number(text: bytes) -> None:
    assert whole_number(text, 100) is None


@pytest.mark.parametrize(
    ("text", "number"), [(b"0", 0), (b"255", 255), (b"0255", 255), (b"0" * 5000 + b"7", 7)]
)
def test_whole_number_may_have_zeros_in_front(text: bytes, number: int) -> None:
    assert whole_number(text, 255) == number


@pytest.mark.parametrize("text", [b"256", b"2550", b"1000", MANY])
def test_whole_number_is_not_above_the_largest(text: bytes) -> None:
    assert whole_number(text, 255) is None


def test_only_the_first_digits_behind_zeros_are_read() -> None:
    assert first_digits(b"", 3) == first_digits(b"000", 3) == 0
    assert first_digits(b"0012", 3) == 12
    assert first_digits(b"0" * 5000 + MANY, 3) == 999


def test_leading_digits_end_before_anything_else() -> None:
    assert leading_digits(b"12k3") == b"12"
    assert leading_digits(b"k") == leading_digits(b"") == b""


def test_remainder_is_that_of_all_digits() -> None:
    assert remainder(b"", 2**64) == 0
    assert remainder(b"%d" % (2**64 + 5), 2**64) == 5
    assert remainder(MANY, 9) == 0
    assert remainder(MANY + b"1", 10) == 1
