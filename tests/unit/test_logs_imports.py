"""What multilog imports late, and must not end of: by then it holds lines."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import ucspi.lines
from ucspi.lines import kernelloader
from ucspi.lines.crlf import CrAdder
from ucspi.lines.label import Stamper
from ucspi.logs.retry import Retry
from ucspi.logs.rotation import Rotation
from ucspi.logs.script import Destination, Script
from ucspi.logs.switchingdistributor import SwitchingDistributor


class Memory:
    """A log, and all that a script feeds."""

    size = 0
    written = b""
    last_line_writers = ()

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
    monkeypatch.setitem(sys.modules, "ucspi.logs.nativedistributor", None)
    shown, lines = Memory(), b"a line\n" * 10000
    SwitchingDistributor(Script([b"./log"]), shown).feed(lines)
    assert shown.written == lines


def test_processor_is_imported_at_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(sys.modules, "ucspi.logs.processor", raising=False)
    monkeypatch.delattr(ucspi.logs, "processor", raising=False)
    destination = Destination(bytes(tmp_path), processor=b"cat")
    Rotation(destination, Retry(lambda what, error: None), lambda what, error: None)
    assert "ucspi.logs.processor" in sys.modules


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Have another package stand where ours stood when it was loaded."""
    monkeypatch.setattr(kernelloader, "__file__", str(tmp_path / "kernelloader.py"))
    (tmp_path / "kernelloader.py").touch()
    for module in ("logs.nativedistributor", "lines.kernel"):  # which nobody may ask for
        monkeypatch.setitem(sys.modules, f"ucspi.{module}", None)


@pytest.mark.usefixtures("replaced")
def test_nothing_is_loaded_of_a_package_that_was_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade puts another one there while we run: its parts need not fit ours."""
    loaded: list[str] = []
    monkeypatch.setattr(sys, "meta_path", [SimpleNamespace(find_spec=lambda name, *_: loaded.append(name))])
    shown, lines = Memory(), b"a line\n" * 10000
    SwitchingDistributor(Script([b"./log"]), shown).feed(lines)
    assert shown.written == lines
    lines *= 4
    stamper = Stamper()
    stamped = b"".join(bytes(piece) for piece in (*stamper.feed(lines), *stamper.feed(lines)))
    assert stamped.count(b" a line\n") == 80000
    assert isinstance(CrAdder().feed(lines), bytes)  # in C it would be a view
    assert loaded == []


@pytest.mark.parametrize("error", [ImportError, OSError, MemoryError])
def test_filter_goes_on_where_the_compiled_way_cannot_be_loaded(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str, *_: object) -> None:
        raise error(name)

    monkeypatch.delitem(sys.modules, "ucspi.lines.kernel", raising=False)
    monkeypatch.delattr(ucspi.lines, "kernel", raising=False)
    monkeypatch.setattr(sys, "meta_path", [SimpleNamespace(find_spec=fail)])
    lines = b"a line\n" * 40000
    stamped = b"".join(bytes(piece) for piece in Stamper().feed(lines))
    assert stamped.count(b" a line\n") == 40000
