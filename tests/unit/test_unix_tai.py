"""Times are packed as TAI64N, cut to microseconds."""

from ucspi.unix import tai


def test_epoch_is_packed_as_ten_seconds_after_two_to_the_62() -> None:
    assert tai.pack(0).hex() == "400000000000000a000001f4"


def test_nanoseconds_are_cut_to_microseconds_and_end_in_500() -> None:
    assert tai.pack(1_999_999)[8:] == (1_999_500).to_bytes(4)


def test_times_before_the_epoch_are_packed_too() -> None:
    assert tai.pack(-1).hex() == "4000000000000009" + (999_999_500).to_bytes(4).hex()


def test_now_never_runs_backwards_beside_the_systems_clock() -> None:
    from time import time_ns

    before = tai.pack(time_ns())
    assert before <= tai.now() <= tai.pack(time_ns())
