"""Local time in place of labels: the same bytes in C and without it, whatever the cut."""

import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.labelled_lines import NO_LABELS, at, leaps
from ucspi.lines import kernel, streamfilter
from ucspi.lines.localtime import Localizer
from ucspi.unix import native

ZONES = ["UTC", "US/Pacific", "right/US/Pacific", "Europe/Amsterdam", "Africa/Monrovia", "<+0530>-5:30", ""]
PATIENT = 64  # bytes: the least room that a kernel can go on in, and some

labels = st.builds(at, st.integers(-(2**62), 2**62) | st.integers(-(2**33), 2**34), st.integers(0, 2**32 - 1))
starts = labels | st.sampled_from(NO_LABELS) | st.text("@0af", max_size=30).map(str.encode)
lines = st.tuples(starts, st.sampled_from([b" text", b"", b"\n", b"\n", b"x@", b"\0\n"])).map(b"".join)
streams = st.lists(lines | st.binary(max_size=20), max_size=8).map(b"".join)
cuts = st.lists(st.integers(1, 60), max_size=40)


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    """Set the time zone of this process for a while."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    yield request.param
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    parts = []
    for size in cuts:
        parts.append(stream[:size])
        stream = stream[size:]
    return [*parts, stream]


def converted(blocks: list[bytes], large: int, room: int = 65536) -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streamfilter, "_LARGE", large)
        patch.setattr(kernel, "_ROOM", room)
        localizer = Localizer()
        out = [bytes(piece) for block in blocks for piece in localizer.feed(block)]
        return b"".join(out) + localizer.finish()


def pure(blocks: list[bytes]) -> bytes:
    return converted(blocks, 2**60)


@given(streams, cuts)
@example(at(0), [1, 23])
@example(at(0) + b"0 x\n", [25])
@example(b"x\n" + at(0), [])
def test_cuts_change_nothing(stream: bytes, cuts: list[int]) -> None:
    assert pure(pieces(stream, cuts)) == pure([stream])


def test_kernel_gives_what_python_gives(zone: str) -> None:
    if native.lib is None:
        pytest.skip("not compiled")

    @given(streams, cuts, st.sampled_from([PATIENT, 65536]), st.integers(0, 60))
    @examples(60)
    def check(stream: bytes, cuts: list[int], room: int, large: int) -> None:
        blocks = pieces(stream, cuts)
        assert converted(blocks, large, room) == pure(blocks)

    check()


def test_kernel_knows_the_leap_seconds_that_python_knows(zone: str) -> None:
    if native.lib is None:
        pytest.skip("not compiled")
    stream = b"".join(at(second) + b" x\n" for second in leaps())
    assert converted([stream], 0) == pure([stream])


@given(streams)
def test_lines_without_a_label_stay_and_each_line_keeps_its_end(stream: bytes) -> None:
    for before, after in zip(stream.split(b"\n"), pure([stream]).split(b"\n"), strict=True):
        assert after == before or (before[:1] == b"@" and after.endswith(before[25:]))


def test_kernel_keeps_to_its_room() -> None:
    if native.lib is None:
        pytest.skip("not compiled")
    stream = (at(67_767_976_233_532_799, 2**32 - 1) + b" x\n") * 3  # the last second of an int's years
    for room in range(140):
        state, to = native.ffi.new("struct usys_localizer *"), bytearray(b"#" * 140)
        produced = native.lib.usys_local(state, stream, len(stream), native.ffi.from_buffer(to), room)
        assert produced <= room
        assert to[room:].strip(b"#") == b""
        assert produced > 0 or room < PATIENT


@pytest.mark.parametrize("follows", [b"0", b" "])
def test_kernel_looks_at_no_byte_behind_the_block(follows: bytes) -> None:
    if native.lib is None:
        pytest.skip("not compiled")
    state, to = native.ffi.new("struct usys_localizer *"), native.ffi.new("char[100]")
    for length in range(26):
        assert native.lib.usys_local(state, at(0) + follows, length, to, 100) == 0
        assert state.consumed == 0
