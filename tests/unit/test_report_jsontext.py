"""JSON of our own making, read by Python's."""

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.json_strings import undone
from ucspi.tcp.report.jsontext import Raw, encode, milliseconds, moment, quote, seconds

if TYPE_CHECKING:
    from ucspi.tcp.report.jsontext import Value


@pytest.mark.parametrize(
    ("text", "json_text"),
    [
        (b"", b'""'),
        (b"a b~", b'"a b~"'),
        (b'"', rb'"\""'),
        (b"\\", rb'"\\\\"'),
        (b"\0\n\x7f", rb'"\u0000\u000a\u007f"'),
        ("é€".encode(), rb'"\u00e9\u20ac"'),
        ("\U0001f600".encode(), rb'"\ud83d\ude00"'),
        (b"\xff", rb'"\\xff"'),
        (b"\xed\xa0\x80", rb'"\\xed\\xa0\\x80"'),  # a surrogate is not UTF-8
        (b"\xc0\x80", rb'"\\xc0\\x80"'),  # nor is a NUL in two bytes
    ],
)
def test_bytes_become_a_string_of_ascii(text: bytes, json_text: bytes) -> None:
    assert quote(text) == json_text


@given(st.binary() | st.text().map(str.encode) | st.text("\\x0af\"'\n").map(str.encode))
@example(b"\\xff")
@example(b"\\\xff")
@example(b"\xe2\x80")
def test_any_bytes_can_be_had_back(text: bytes) -> None:
    quoted = quote(text)
    assert set(quoted) <= set(range(32, 127))
    shown = json.loads(quoted)
    assert not any(0xD800 <= ord(character) < 0xE000 for character in shown)
    assert undone(shown) == text


def test_values_are_written_in_order() -> None:
    value: dict[bytes, Value] = {
        b"a": None,
        b"b": True,
        b"c": -3,
        b"d": [b"x", {}],
        b"e": Raw(b"1.50"),
        b"f": (),
    }
    assert encode(value) == b'{"a":null,"b":true,"c":-3,"d":["x",{}],"e":1.50,"f":[]}'


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, b"1970-01-01T00:00:00.000000Z"),
        (1_782_826_200_123_456_789, b"2026-06-30T13:30:00.123456Z"),
        (-1, b"1969-12-31T23:59:59.999999Z"),
    ],
)
def test_moment_is_utc_in_microseconds(nanoseconds: int, text: bytes) -> None:
    assert moment(nanoseconds) == text


def test_lengths_of_time_are_numbers() -> None:
    assert seconds(1_234_567_890) == b"1.234567"
    assert milliseconds(1_234_567_890) == b"1234.567"
    assert encode([seconds(0), milliseconds(999)]) == b"[0.000000,0.000]"
