"""Local time in place of labels: zones, leap seconds, and what is no label."""

import os
import time
from collections.abc import Iterator

import pytest

from tests.support.labelled_lines import NO_LABELS, at
from ucspi.lines import streamfilter
from ucspi.lines.localtime import Localizer
from ucspi.unix import native

MARK = b"@4000000037c219bf2ef02e94"


@pytest.fixture(autouse=True)
def zone() -> Iterator[None]:
    """Let the time zone be UTC, and be put back."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    yield
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


@pytest.fixture(params=["pure", "native"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Convert every block without C, or every block in C."""
    if request.param == "pure":
        monkeypatch.setattr(native, "lib", None)
    elif native.lib is None:
        pytest.skip("not compiled")
    monkeypatch.setattr(streamfilter, "_LARGE", 0)


def converted(*blocks: bytes) -> bytes:
    localizer = Localizer()
    out = [bytes(piece) for block in blocks for piece in localizer.feed(block)]
    return b"".join(out) + localizer.finish()


def test_label_becomes_local_time() -> None:
    assert converted(MARK + b" mark\n") == b"1999-08-24 04:04:05.787492500 mark\n"


def test_zone_is_the_one_of_the_environment() -> None:
    os.environ["TZ"] = "US/Pacific"
    assert converted(MARK + b" mark\n") == b"1999-08-23 21:04:05.787492500 mark\n"


@pytest.mark.parametrize("line", NO_LABELS)
def test_what_is_no_label_stays(line: bytes) -> None:
    assert converted(line + b" x\n" + MARK + b" y\n") == line + b" x\n1999-08-24 04:04:05.787492500 y\n"


def test_label_is_held_until_it_is_known_what_follows() -> None:
    localizer = Localizer()
    assert b"".join(bytes(piece) for piece in localizer.feed(b"a\n" + MARK)) == b"a\n"
    assert b"".join(bytes(piece) for piece in localizer.feed(b"\n")) == b"1999-08-24 04:04:05.787492500\n"


def test_too_many_digits_are_not_held() -> None:
    localizer = Localizer()
    assert b"".join(bytes(piece) for piece in localizer.feed(MARK + b"0")) == MARK + b"0"


def test_label_at_the_very_end_becomes_local_time() -> None:
    assert converted(MARK) == b"1999-08-24 04:04:05.787492500"
    assert converted(b"x" + MARK) == b"x" + MARK


def test_label_at_the_very_end_does_not_depend_on_where_the_kernel_took_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streamfilter, "_LARGE", 2)
    assert converted(b"x", b"y\n" + MARK) == b"xy\n1999-08-24 04:04:05.787492500"


def test_beginning_of_a_label_at_the_very_end_stays() -> None:
    assert converted(MARK[:20]) == MARK[:20]


FIRST, LAST = -62_167_219_200, 67_767_976_233_532_799  # seconds of the years 0 and 2^31-1


def test_years_from_0_to_the_largest_int_are_shown() -> None:
    assert converted(at(FIRST) + b"\n") == b"0-01-01 00:00:00.123456500\n"
    assert converted(at(LAST) + b"\n") == b"2147483647-12-31 23:59:59.123456500\n"


@pytest.mark.parametrize("second", [FIRST - 1, LAST + 1])
def test_years_that_the_original_shows_as_others_stay(second: int) -> None:
    line = at(second) + b" x\n"
    assert converted(line) == line
