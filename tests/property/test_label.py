"""Labels: the same bytes in C and without it, whatever the cut and the room."""

from collections.abc import Iterator
from time import time_ns
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ucspi.lines import kernel, label, streamfilter
from ucspi.unix import native, tai

blocks = st.lists(st.binary(max_size=40) | st.text("a\n", max_size=40).map(str.encode), max_size=8)
long_blocks = st.lists(
    st.tuples(st.text("abcdefghijklm\n", max_size=30).map(str.encode), st.integers(1, 60)), max_size=6
).map(lambda parts: [part * times for part, times in parts])
seconds = st.integers(-(2**40), 2**40)


def split(stream: bytes) -> list[bytes]:
    """Return its lines, newlines included."""
    return [line + b"\n" for line in stream.split(b"\n")[:-1]] + [stream.rpartition(b"\n")[2]]


def stamped(stream: bytes, labels: Iterator[bytes]) -> bytes:
    return b"".join(next(labels) + line for line in split(stream) if line)


def taken_apart(stream: bytes, out: bytes) -> list[bytes]:
    """Return the labels that stand before the lines of ``stream``, spaces included."""
    labels, at = [], 0
    for line in filter(None, split(stream)):
        labels.append(out[at : at + label.SIZE + 1])
        at += label.SIZE + 1 + len(line)
    return labels


@pytest.fixture(params=["pure", "native", "native, little room"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Label every block without C, or every block in C, also in many small pieces."""
    if request.param == "pure":
        monkeypatch.setattr(native, "lib", None)
        return
    if native.lib is None:
        pytest.skip("not compiled")
    monkeypatch.setattr(streamfilter, "_LARGE", 1)
    if request.param != "native":
        monkeypatch.setattr(kernel, "_ROOM", label.SIZE + 2)


def test_every_line_gets_the_time_before_it_whatever_the_cut(way: None) -> None:
    @given(blocks | long_blocks)
    def check(blocks: list[bytes]) -> None:
        stream, stamper = b"".join(blocks), label.Stamper()
        before = label.label(time_ns())
        out = b"".join(bytes(piece) for block in blocks for piece in stamper.feed(block))
        labels = taken_apart(stream, out)
        assert out == stamped(stream, iter(labels))
        times = [before, *(one.removesuffix(b" ") for one in labels), label.label(time_ns())]
        assert {(len(one), one[:1], one[-1:]) for one in labels} <= {(26, b"@", b" ")}
        assert times == sorted(times)

    check()


def test_what_begins_small_and_goes_on_large_is_one_stream() -> None:
    stamper = label.Stamper()
    out = [bytes(piece) for block in [b"a", b"b" * 200000, b"c\n"] for piece in stamper.feed(block)]
    assert b"".join(out)[26:] == b"a" + b"b" * 200000 + b"c\n"


def compiled() -> Any:
    if native.lib is None:
        pytest.skip("not compiled")
    return native.ffi.new("struct usys_stamper *")


@given(st.lists(st.tuples(seconds, st.integers(0, 10**9 - 1)), max_size=6))
@example([(0, 0), (0, 999_999_999), (-1, 1000), (0, 0)])
def test_kernel_writes_the_same_label_as_python(times: list[tuple[int, int]]) -> None:
    stamper, to = compiled(), bytearray(label.SIZE + 1)
    for second, nanosecond in times:
        native.lib.usys_label(stamper, second, nanosecond, native.ffi.from_buffer(to))
        assert to == label.label(second * 10**9 + nanosecond) + b" "


@given(st.text("a\n", max_size=90).map(str.encode), st.integers(0, 80))
def test_kernel_keeps_to_its_room_and_says_what_it_consumed(data: bytes, room: int) -> None:
    stamper, to = compiled(), bytearray(b"#" * (room + 1))
    produced = native.lib.usys_stamp(stamper, data, len(data), native.ffi.from_buffer(to), room)
    assert produced <= room
    assert to[room:] == b"#"
    lines = taken_apart(data[: stamper.consumed], bytes(to[:produced]))
    written = produced - stamper.consumed
    assert written - len(lines) * 26 in (0, 26)  # a label may be there before its line
    assert stamper.consumed == len(data) or room - produced < 27


def test_kernel_begins_with_the_time_of_the_first_byte() -> None:
    """An end that begins no line takes no time."""
    stamper, to = compiled(), bytearray(60)
    assert native.lib.usys_stamp(stamper, b"a\n", 2, native.ffi.from_buffer(to), 60) == 28
    later = tai.now().hex().encode()
    assert native.lib.usys_stamp(stamper, b"b", 1, native.ffi.from_buffer(to), 60) == 27
    assert to[1:25] >= later
