"""What the small clients make of an answer, however it is cut into blocks; and whom mconnect lets talk."""

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ucspi.programs._small_client import VisibleText
from ucspi.programs.http import Body
from ucspi.programs.mconnect import find_talker

pieces = st.lists(st.sampled_from([b"\r", b"\n", b"a", b"\r\n", b"bc", b"\x80"]).map(bytes), max_size=12)


@given(pieces)
@example([b"a\r", b"\r", b"\nb\r"])
def test_text_is_shown_alike_however_it_is_cut(blocks: list[bytes]) -> None:
    whole, cut = VisibleText(), VisibleText()
    shown = whole(b"".join(blocks)) + whole(b"") if blocks else b""
    assert b"".join(cut(block) for block in [*blocks, b""]) == shown


@given(pieces)
@example([b"a\n\r", b"\nb"])
def test_body_is_found_however_it_is_cut(blocks: list[bytes]) -> None:
    cut = Body()
    text = b"".join(blocks)
    assert b"".join(cut(block) for block in [*blocks, b""]) == Body()(text)


@pytest.mark.parametrize(
    ("text", "body"),
    [
        (b"", b""),
        (b"\n", b""),
        (b"\r\nx", b"x"),
        (b"A: b\n\nx\n\ny", b"x\n\ny"),
        (b"A: b\r\n\nx", b"x"),
        (b"A: b\n\r\n\r\n", b"\r\n"),
        (b"A: b\r\r\n\r\r\nC\n\nx", b"x"),
        (b"A: b\n \n", b""),
    ],
)
def test_body_begins_behind_the_first_empty_line(text: bytes, body: bytes) -> None:
    assert Body()(text) == body


def test_only_tabs_and_newlines_move_the_cursor() -> None:
    show = VisibleText()
    shown = show(bytes(range(256))) + show(b"")
    assert set(shown) <= set(b"\t\n" + bytes(range(32, 127)))


def test_mconnect_finds_its_talker_beside_it_through_a_link(tmp_path: Path) -> None:
    installed, linked = tmp_path / "installed", tmp_path / "linked"
    installed.mkdir()
    linked.mkdir()
    (installed / "mconnect-io").touch(0o755)
    (linked / "mconnect").symlink_to(installed / "mconnect")
    talker = bytes(installed / "mconnect-io")
    assert find_talker(bytes(installed / "mconnect")) == talker
    assert find_talker(bytes(linked / "mconnect")) == talker
    (linked / "mconnect-io").touch(0o755)
    assert find_talker(bytes(linked / "mconnect")) == bytes(linked / "mconnect-io")
    os.chmod(linked / "mconnect-io", 0o644)
    (installed / "mconnect-io").unlink()
    assert find_talker(bytes(linked / "mconnect")) == find_talker(b"mconnect") == b"mconnect-io"
