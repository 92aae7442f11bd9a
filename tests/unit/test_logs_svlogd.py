"""What is said of svlogd's ``config``, whatever it is."""

import os
from pathlib import Path

import pytest

from ucspi.logs.retry import Retry
from ucspi.logs.script import Script
from ucspi.logs.svlogd import READ_MOST, translate, warnings

NAME = "./log/config: svlogd's settings are not read"


@pytest.mark.parametrize(
    ("lines", "same", "missing"),
    [
        ([], ["s1000000", "n11"], []),
        (["", "#s5", "# x"], ["s1000000", "n11"], []),
        (["s50000", "n3"], ["s50000", "n4"], []),
        (["s100", "s5", "n1x"], ["s4096", "n2"], []),
        (["s99999999"], ["s16777215", "n11"], []),
        (["s0", "n0", "t0"], [], ["s0", "n0"]),
        (["t3600", "!gzip -9"], ["s1000000", "n11", "R3600", "!gzip -9"], []),
        (["!"], ["s1000000", "n11"], []),
        (["-*", "+*: fatal: *"], ["s1000000", "n11", "-*", "+*: fatal: *"], []),
        (["-+x", "N5", "u127.0.0.1", "U::1", "pweb: ", "e*", "E*", "?"], ["s1000000", "n11"], None),
    ],
)
def test_lines_become_actions(lines: list[str], same: list[str], missing: list[str] | None) -> None:
    found = translate([line.encode() for line in lines])
    expected = [same, lines if missing is None else missing]
    assert [[each.decode() for each in part] for part in found] == expected
    assert Script([*found[0], b"./log"]).mistakes == []


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("config")


def said() -> list[str]:
    return [text.decode() for text, _ in warnings(b"./log")]


def test_no_file_is_not_spoken_of(config: Path) -> None:
    assert said() == []


def test_one_line_has_all(config: Path) -> None:
    config.write_bytes(b"n5\n!gzip -9\nu1.2.3.4:514\npit's: \xff\n")
    same, missing = "s1000000 n6 '!gzip -9'", r"u1.2.3.4:514 'pit'\''s: ?'"
    assert said() == [f"{NAME}; the same for multilog: {same}; not possible here: {missing}"]


def test_unfinished_output_of_a_processor_is_named(config: Path) -> None:
    config.write_text("!cat\n")
    Path("@400000006b0b0100000000a0.t").touch()
    assert len(said()) == 2
    assert "@*.u" in said()[1]


LONG = [b"\0" * 10**6, b"u\n" * 10**5, b"s" + b"9" * 10**6, b"-" + b"\n\r\t\x1b[2J" * 999]


@pytest.mark.parametrize("content", LONG, ids=["zeros", "lines", "digits", "controls"])
def test_any_content_is_one_short_line_of_printable_text(config: Path, content: bytes) -> None:
    config.write_bytes(content)
    (text,) = said()
    assert len(text) < 3000
    assert text.isprintable()
    assert text.isascii()


def test_no_more_is_read_than_fits(config: Path) -> None:
    config.write_bytes(b"#" * READ_MOST + b"\ns5000\n")
    assert "s5000" not in said()[0]


@pytest.mark.parametrize("kind", ["fifo", "directory", "loop"])
def test_what_is_no_file_is_said_and_not_waited_for(config: Path, kind: str) -> None:
    if kind == "fifo":
        os.mkfifo(config)
    elif kind == "directory":
        config.mkdir()
    else:
        config.symlink_to("config")
    found = list(warnings(b"./log"))
    assert len(found) == 1
    assert found[0][0].startswith(NAME.encode())
    assert (found[0][1] is None) == (kind == "fifo")  # nobody writes to it, so it is empty


def test_retry_passes_on_what_is_said() -> None:
    heard: list[tuple[bytes, OSError | None]] = []
    Retry(lambda what, error: heard.append((what, error))).warn(b"text")
    assert heard == [(b"text", None)]
