"""The 18 bytes, and what is said of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucspi.service import statusrecord
from ucspi.service.statusrecord import LONG_SIZE, SIZE, Details, Status, unpack
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


details = st.builds(
    Details,
    was_terminated=st.booleans(),
    phase=st.integers(0, 2),
    flags=st.integers(0, 15),
    ready=st.binary(min_size=12, max_size=12),
    code=st.integers(0, 65535),
    signal=st.integers(0, 64),
)


@given(pid=st.integers(0, 2**22), paused=st.integers(0, 1), more=details, rest=st.binary(max_size=20))
def test_long_record_is_read_as_it_was_written(pid: int, paused: int, more: Details, rest: bytes) -> None:
    """Whatever a later version appends."""
    record = Status(STAMP, pid, paused, ord("u"), more).pack()
    assert len(record) == LONG_SIZE
    known = unpack(record + rest)
    assert known
    assert known.pack() == record


@given(tail=st.binary(max_size=30))
def test_first_bytes_are_read_whatever_follows(tail: bytes) -> None:
    """20 bytes are runit's; another version, or damage, is not believed."""
    record = Status(STAMP, 7, 0, ord("d")).pack()
    known = unpack(record + tail)
    assert known
    assert known.pack()[:SIZE] == record
    assert (known.details is not None) == (len(tail) >= 22 and tail[2] == 1 and tail[1] <= 2)


def test_place_of_each_field() -> None:
    more = Details(was_terminated=True, phase=2, flags=11, ready=bytes(range(12)), code=256, signal=15)
    tail = Status(STAMP, 7, 0, ord("u"), more).pack()[SIZE:]
    assert tail == b"\1\2\1\x0b" + bytes(range(12)) + b"\0\1\x0f\0\0\0"


@pytest.mark.parametrize(
    ("pid", "more", "text"),
    [
        (12, Details(phase=1), b"up (pid 12) 5 seconds"),
        (
            12,
            Details(phase=1, flags=statusrecord.READY, ready=STAMP),
            b"up (pid 12) 5 seconds, ready 5 seconds",
        ),
        (
            12,
            Details(phase=2, flags=statusrecord.FINISHING),
            b"down 5 seconds, normally up, want up, finishing",
        ),
        (0, Details(flags=statusrecord.FAILED), b"down 5 seconds, normally up, want up, failed"),
    ],
)
def test_description_of_a_long_record(pid: int, more: Details, text: bytes) -> None:
    assert Status(STAMP, pid, 0, ord("u"), more).describe(1_000_000_005, normally_up=True) == text
