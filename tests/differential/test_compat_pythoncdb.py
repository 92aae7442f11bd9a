"""ucspi.compat.cdb answers what python-cdb 0.35 was recorded to answer.

The original runs on Python 2 only, so a record of it is the judge; see the head
of the record.  Its strings are bytes, so they are read as such here, but for
those marked ``u``.
"""

import ast
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ucspi.compat import cdb

RECORD = Path(__file__).parent.parent / "corpus" / "python-cdb.txt"


class StringsAreBytes(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if isinstance(node.value, str) and node.kind != "u":
            return ast.copy_location(ast.Constant(node.value.encode("latin-1")), node)
        return node


def entries() -> Iterator[tuple[str, str]]:
    """Yield each line of the session with what came of it."""
    for entry in RECORD.read_text(encoding="ascii").split("\n>>> ")[1:]:
        line, _, answer = entry.partition("\n")
        yield line, answer.strip()


def as_text(value: Any) -> Any:
    """Return bytes as Python 2 would show them."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, (list, tuple)):
        return type(value)(as_text(item) for item in value)
    return value


def shown(value: object) -> str:
    text = repr(as_text(value))
    return "" if value is None else text.replace("\xff", "\\xff")


def outcome(line: str, space: dict[str, object]) -> str:
    tree = ast.fix_missing_locations(StringsAreBytes().visit(ast.parse(line)))
    try:
        if isinstance(tree.body[0], ast.Expr):
            return shown(eval(compile(ast.Expression(tree.body[0].value), line, "eval"), space))
        exec(compile(tree, line, "exec"), space)
    except (TypeError, AttributeError):
        return "TypeError: ()"
    except Exception as error:
        kind = "error" if isinstance(error, cdb.error) else "OSError" if isinstance(error, OSError) else ""
        return f"{kind or type(error).__name__}: {as_text(error.args)!r}"
    return ""


def test_each_line_of_the_record_comes_to_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    session = list(entries())
    assert len(session) > 80
    space: dict[str, object] = {"cdb": cdb, "os": os}
    for line, answer in session:
        assert (line, outcome(line, space)) == (line, answer)
