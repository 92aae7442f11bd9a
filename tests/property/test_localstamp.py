"""The local time before a line: the same in C and without it, and what the calendar says."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ucspi.lines.localstamp import LocalStamper
from ucspi.unix import native

BILLION = 10**9
SPRING, AUTUMN = 1_774_746_000, 1_792_890_000  # 2026-03-29 and 2026-10-25, 01:00 UTC: Europe's clocks change
TOO_LATE = 2**60  # seconds: no year that an int holds

ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns"]

seconds = st.integers(0, 2**33) | st.integers(SPRING - 5, SPRING + 5) | st.integers(AUTUMN - 5, AUTUMN + 5)
times = st.tuples(seconds, st.integers(0, BILLION - 1))

Stamp = Callable[[int, int], bytes]


def in_c() -> Stamp:
    if native.lib is None:
        pytest.skip("not compiled")
    state, room = native.ffi.new("struct usys_local_stamper *"), native.lib.USYS_LOCAL_STAMP

    def stamp(second: int, fraction: int) -> bytes:
        to = bytearray(b"#" * (room + 9))
        length = native.lib.usys_local_stamp(state, second, fraction, native.ffi.from_buffer(to))
        assert length <= room
        assert to[length:].strip(b"#") == b""
        return bytes(to[:length])

    return stamp


def in_python() -> Stamp:
    stamper = LocalStamper()
    return lambda second, fraction: stamper.stamp(second * BILLION + fraction)


@pytest.fixture(autouse=True)
def zone_is_put_back() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        yield
    time.tzset()


@pytest.mark.parametrize("zone", [*ZONES, "right/Europe/Berlin", "<+0530>-5:30", "nonsense"])
def test_kernel_gives_what_python_gives(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)

    @given(st.lists(times, max_size=8))
    @example([(SPRING - 1, 999_999_999), (SPRING, 0), (SPRING, 1)])
    @example([(AUTUMN - 1, 0), (AUTUMN, 0), (AUTUMN - 1, 5)])
    @example([(TOO_LATE, 0), (0, 0), (TOO_LATE, 1)])
    def check(moments: list[tuple[int, int]]) -> None:
        compiled, pure = in_c(), in_python()
        for moment in moments:
            assert compiled(*moment) == pure(*moment)

    check()


@pytest.mark.parametrize("zone", ZONES)
def test_stamp_is_the_time_of_the_zone(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)

    @given(times)
    def check(moment: tuple[int, int]) -> None:
        local = datetime.fromtimestamp(moment[0], ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")
        assert in_python()(*moment) == b"%s.%09d  " % (local.encode(), moment[1])

    check()


@pytest.mark.parametrize("stamper", [in_c, in_python])
def test_second_that_the_calendar_lacks_has_no_stamp(stamper: Callable[[], Stamp]) -> None:
    assert stamper()(TOO_LATE, 0) == b""


@pytest.mark.parametrize("stamper", [in_c, in_python])
def test_zone_that_changes_is_followed_from_the_next_second_on(
    stamper: Callable[[], Stamp], monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp = stamper()
    assert stamp(5, 0) == b"1970-01-01 00:00:05.000000000  "
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    assert stamp(5, 1) == b"1970-01-01 00:00:05.000000001  "
    assert stamp(6, 0) == b"1970-01-01 05:30:06.000000000  "
