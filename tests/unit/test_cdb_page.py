"""What docs/cdb.md says is so, line by line."""

import doctest
from pathlib import Path

import pytest

from ucspi import cdb

PAGE = Path(__file__).parents[2] / "docs" / "cdb.md"


def test_page_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    test = doctest.DocTestParser().get_doctest(text, {}, PAGE.name, str(PAGE), 0)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    result = runner.run(test, out=report.append)
    assert not result.failed, "".join(report)
    assert result.attempted > 50


def test_page_names_every_public_name() -> None:
    text = PAGE.read_text(encoding="utf-8")
    names = [name for name in dir(cdb) if name[0] != "_" and callable(getattr(cdb, name))]
    names += [name for kind in (cdb.Reader, cdb.Writer, cdb.Builder) for name in dir(kind) if name[0] != "_"]
    for name in names:
        assert f"`{name}" in text or f" `{name}" in text, name
