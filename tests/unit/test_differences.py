"""The page of differences: one row each, with a test that exists; lines that are warned of as it says."""

import re
from pathlib import Path

import pytest

from ucspi.programs.commands import COMMANDS
from ucspi.rules import lint

CHECKOUT = Path(__file__).resolve().parent.parent.parent


def table(number: int) -> list[list[str]]:
    """Return the cells of each row of one of the tables, without its head."""
    section = (CHECKOUT / "docs" / "differences.md").read_text().split("\n## ")[number]
    lines = [line for line in section.splitlines() if line.startswith("| ")][2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def rows() -> list[list[str]]:
    """Return the differences: program, original, here, reason, test."""
    return table(0)


def test_each_row_is_whole_and_there_once() -> None:
    assert all(len(row) == 5 and all(row) for row in rows()), [row for row in rows() if len(row) != 5]
    assert len({(program, original) for program, original, *_ in rows()}) == len(rows())


def test_each_row_is_about_commands_of_ours() -> None:
    for row in rows():
        assert set(row[0].split(", ")) <= set(COMMANDS), row


def test_each_row_names_a_test_that_exists() -> None:
    file = ""
    for row in rows():
        named = re.search(r"tests/[\w/]+\.py", row[4])
        file = named[0] if named else file
        assert named or row[4].startswith("same file"), row
        text = (CHECKOUT / file).read_text()
        for test in re.findall(r"`(test_\w+)", row[4]):
            assert f"def {test}" in text, (file, test)


@pytest.mark.parametrize(("oddity", "examples"), table(1))
def test_each_odd_line_is_warned_of(oddity: str, examples: str) -> None:
    found = re.findall(r"`([^`]+)`", examples)
    assert found
    for example in found:
        text = example.encode("latin-1").decode("unicode_escape").encode("latin-1")
        assert {said.severity for said in lint(text)} == {"warning"}, (oddity, example)
