"""What multilog imports late, and must not end of: by then it holds lines."""

import sys
from pathlib import Path

import pytest

import ucspi.logs
from ucspi.logs.distributor import Switching
from ucspi.logs.patience import Patience
from ucspi.logs.rotation import Rotation
from ucspi.logs.script import Destination, Script


class Memory:
    """A log, and all that a script feeds."""

    size = 0
    written = b""
    lasts = ()

    def __init__(self) -> None:
        self.logs = [self]

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def rotate(self) -> None:
        raise AssertionError

    def echo(self, line: bytes) -> None:
        raise AssertionError


def test_large_block_is_logged_where_the_compiled_way_cannot_be_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ucspi.logs._distributor", None)
    shown, lines = Memory(), b"a line\n" * 10000
    Switching(Script([b"./log"]), shown).feed(lines)
    assert shown.written == lines


def test_processor_is_imported_at_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(sys.modules, "ucspi.logs.processor", raising=False)
    monkeypatch.delattr(ucspi.logs, "processor", raising=False)
    described = Destination(bytes(tmp_path), processor=b"cat")
    Rotation(described, Patience(lambda what, error: None), lambda what, error: None)
    assert "ucspi.logs.processor" in sys.modules
