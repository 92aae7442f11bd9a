"""The C scanner on any bytes; meant to run under a sanitizer too (cdbext/sanitize.sh)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.test_rules_bulk import ASK, END, FULL, needs_core, scan

pieces = st.sampled_from(
    [
        b"1",
        b"25",
        b"255.",
        b".",
        b":deny",
        b":allow",
        b":",
        b"=",
        b"=a.",
        b",A=",
        b'"',
        b"'",
        b"/",
        b"\n",
        b"#",
    ]
    + [b" ", b"\t", b"\0", b"\r", b"den", b"allow", b"-", b"\xff", b"@"]
)
texts = st.lists(pieces, max_size=30).map(b"".join)


def check(text: bytes) -> None:
    status, at, records = scan(text)
    assert status in (END, ASK)
    assert 0 <= at <= len(text)
    assert at == 0 or text[at - 1 : at] == b"\n"
    assert len(records) <= 2 * at
    assert status == ASK or b"\n" not in text[at:]


@needs_core
@given(text=st.one_of(texts, st.binary(max_size=80)))
def test_scan_stops_at_the_start_of_a_line_and_within_its_room(text: bytes) -> None:
    check(text)


@needs_core
@pytest.mark.slow
@settings(max_examples=20_000, deadline=None)
@given(text=st.one_of(texts, st.binary(max_size=200)))
def test_scan_at_length(text: bytes) -> None:
    check(text)


@needs_core
@given(text=texts, room=st.integers(0, 100))
def test_scan_with_too_little_room_touches_nothing(text: bytes, room: int) -> None:
    status, at, records = scan(text, room)
    if room < 2 * len(text):
        assert (status, at, records) == (FULL, 0, b"")
