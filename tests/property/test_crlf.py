"""Line ends: the same results whatever the cut, in C and without it."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucspi.lines import crlf
from ucspi.unix import native

streams = st.lists(st.binary(max_size=40) | st.text("a\r\n", max_size=40).map(str.encode), max_size=8)
long_streams = st.lists(
    st.tuples(st.text("abcdefghijklm\r\n", max_size=30).map(str.encode), st.integers(1, 60)), max_size=6
).map(lambda parts: [part * times for part, times in parts])


def add(data: bytes) -> bytes:
    return b"".join(b"\r\n" if byte == 10 else bytes([byte]) for byte in data)


def remove(data: bytes) -> bytes:
    return b"".join(
        b"" if byte == 13 and data[at + 1 : at + 2] == b"\n" else bytes([byte])
        for at, byte in enumerate(data)
    )


def fix(data: bytes) -> bytes:
    return b"".join(
        b"\r\n" if byte == 10 and data[max(at - 1, 0) : at] != b"\r" else bytes([byte])
        for at, byte in enumerate(data)
    )


def converted(kind: type[Any], blocks: list[bytes]) -> bytes:
    one = kind()
    out = [bytes(one.feed(block)) for block in blocks]
    return b"".join(out) + (one.finish() if kind is crlf.CrRemover else b"")


@pytest.fixture(params=["pure", "native"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Convert every block without C, or every block in C."""
    if request.param == "native":
        if native.lib is None:
            pytest.skip("not compiled")
        monkeypatch.setattr(crlf, "_LARGE", 1)
    else:
        monkeypatch.setattr(native, "lib", None)


@pytest.mark.parametrize(
    ("kind", "law"), [(crlf.CrAdder, add), (crlf.CrRemover, remove), (crlf.CrFixer, fix)]
)
def test_every_cut_gives_what_the_law_says(way: None, kind: type[Any], law: Callable[[bytes], bytes]) -> None:
    @given(streams | long_streams)
    def check(blocks: list[bytes]) -> None:
        assert converted(kind, blocks) == law(b"".join(blocks))

    check()


def test_nothing_is_kept_back_but_a_carriage_return() -> None:
    remover = crlf.CrRemover()
    assert bytes(remover.feed(b"part\r")) == b"part"
    assert bytes(remover.feed(b"x\n")) == b"\rx\n"
    assert remover.finish() == b""


def test_large_blocks_are_converted_in_c_where_it_is() -> None:
    if native.lib is None:
        pytest.skip("not compiled")
    assert isinstance(crlf.CrAdder().feed(b"x" * 20000), memoryview)
    assert isinstance(crlf.CrRemover().feed(b"x" * 20000), memoryview)
