"""Addresses with a range, as the original tcprules expands them."""

import pytest

from ucspi.errors import RuleSyntaxError
from ucspi.rules import expand


@pytest.mark.parametrize(
    ("address", "keys"),
    [
        (b"", [b""]),
        (b"1.2.3.4", [b"1.2.3.4"]),
        (b"1.2.3-5.", [b"1.2.3.", b"1.2.4.", b"1.2.5."]),
        (b"1.2.3.1-3", [b"1.2.3.1", b"1.2.3.2", b"1.2.3.3"]),
        (b"1-3.2.3.4", [b"1.2.3.4", b"2.2.3.4", b"3.2.3.4"]),
        (b"01-03.", [b"1.", b"2.", b"3."]),
        (b"-3.", [b"0.", b"1.", b"2.", b"3."]),
        (b"-", [b"0"]),
        (b"0-", [b"0"]),
        (b"250-300.", [b"250.", b"251.", b"252.", b"253.", b"254.", b"255."]),
    ],
)
def test_range_stands_for_each_number_between_its_bounds(address: bytes, keys: list[bytes]) -> None:
    assert list(expand(address)) == keys


@pytest.mark.parametrize("address", [b"5-3.", b"300-301.", b"5-", b"18446744073709551615-255."])
def test_reversed_range_stands_for_nothing(address: bytes) -> None:
    assert list(expand(address)) == []


def test_bounds_count_in_a_64_bit_word() -> None:
    assert list(expand(b"18446744073709551617-3.")) == [b"1.", b"2.", b"3."]


def test_a_bound_of_a_hundred_thousand_digits_is_a_number_too() -> None:
    assert list(expand(b"0" * 100_000 + b"1-2")) == [b"1", b"2"]


@pytest.mark.parametrize("address", [b"1\0x-2.", b"1-2\0.", b"01-02\0x5."])
def test_a_nul_ends_a_bound(address: bytes) -> None:
    assert list(expand(address)) == [b"1.", b"2."]


def test_only_the_first_dash_marks_a_range() -> None:
    assert list(expand(b"1.2-3.4-5.6")) == [b"1.2.4-5.6", b"1.3.4-5.6"]


@pytest.mark.parametrize("address", [b"joe-x@1.2.3-5.", b"=a-b.com", b"1-2=", b"@1-2"])
def test_range_is_not_expanded_when_address_has_at_or_equals_sign(address: bytes) -> None:
    assert list(expand(address)) == [address]


@pytest.mark.parametrize(
    ("address", "column"),
    [(b"a-b.com", 1), (b"1-2-3.", 4), (b"1.2.3x-5", 6), (b"1.2.3-5x.", 8), (b"10.1 -2", 5), (b"1-\xb2", 3)],
)
def test_bound_that_is_no_number_is_an_error_at_its_column(address: bytes, column: int) -> None:
    with pytest.raises(RuleSyntaxError) as caught:
        expand(address)
    assert (caught.value.line, caught.value.column, caught.value.text) == (1, column, address)
