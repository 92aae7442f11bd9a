"""A label is the 24 hexadecimal digits of TAI64N, always."""

from ucspi.lines import label


def test_label_is_the_second_and_the_microsecond_in_hexadecimal() -> None:
    assert label.label(935467455_787_492_999) == b"@4000000037c219c92ef02e94"


def test_label_is_lower_case_and_of_one_length() -> None:
    assert label.label(0) == b"@400000000000000a000001f4"
    assert {len(label.label(10**exponent)) for exponent in range(19)} == {label.SIZE}
