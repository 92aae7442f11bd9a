"""The page of differences: one row each, with a test that exists."""

import re
from pathlib import Path

from ucspi.programs.commands import COMMANDS

CHECKOUT = Path(__file__).resolve().parent.parent.parent


def rows() -> list[list[str]]:
    """Return the cells of each row: program, original, here, reason, test."""
    lines = (CHECKOUT / "docs" / "differences.md").read_text().splitlines()
    table = [line for line in lines if line.startswith("| ")][2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table]


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
