"""The 18 bytes, and what is said of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucspi.service.statusrecord import SIZE, Status, unpack
from ucspi.unix import tai

STAMP = tai.pack(1_000_000_000 * 10**9)


def test_record_is_that_of_the_original() -> None:
    """Seen from supervise: pid 27636, wanted up."""
    record = bytes.fromhex("400000006b0403463a1865fcf46b00000075")
    known = unpack(record)
    assert known
    assert (known.pid, known.paused, known.want) == (27636, 0, ord("u"))
    assert known.pack() == record


@given(record=st.binary(max_size=24))
def test_short_records_are_none_and_long_ones_are_cut(record: bytes) -> None:
    known = unpack(record)
    assert (known is None) == (len(record) < SIZE)
    if known:
        assert known.stamp + known.pid.to_bytes(4, "little") == record[:16]
        assert (known.paused, known.want) == tuple(record[16:18])


def test_what_is_down_is_not_paused() -> None:
    assert Status(STAMP, 0, 1, 0).pack()[12:] == bytes(6)
    assert Status(STAMP, 7, 1, 0).pack()[12:] == b"\7\0\0\0\1\0"


@pytest.mark.parametrize(
    ("pid", "paused", "want", "normally_up", "text"),
    [
        (12, 0, "u", True, b"up (pid 12) 5 seconds"),
        (12, 0, "u", False, b"up (pid 12) 5 seconds, normally down"),
        (12, 1, "d", True, b"up (pid 12) 5 seconds, paused, want down"),
        (12, 0, "\0", True, b"up (pid 12) 5 seconds"),
        (0, 0, "d", True, b"down 5 seconds, normally up"),
        (0, 1, "d", False, b"down 5 seconds"),
        (0, 0, "u", True, b"down 5 seconds, normally up, want up"),
    ],
)
def test_description(pid: int, paused: int, want: str, normally_up: bool, text: bytes) -> None:
    assert Status(STAMP, pid, paused, ord(want)).describe(1_000_000_005, normally_up=normally_up) == text


def test_the_future_is_no_age() -> None:
    assert Status(STAMP, 0, 0, 0).seconds(1) == 0
