"""The page of differences: one row each, with a test that exists; and both suites at a glance."""

import re
from pathlib import Path

from tests.support.program_choices import DAEMONTOOLS, UCSPI_TCP
from ucspi.programs.commands import COMMANDS

CHECKOUT = Path(__file__).resolve().parent.parent.parent


def table(heading: str) -> list[list[str]]:
    """Return the cells of each row of the tables under a heading."""
    page = (CHECKOUT / "docs" / "differences.md").read_text()
    section = page.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = re.sub(r"^\| .*\n\| --- .*\n", "", section, flags=re.MULTILINE).splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line[:2] == "| "]


def rows() -> list[list[str]]:
    """Return the cells of each difference: program, original, here, reason, test."""
    return table("What differs, and why")


def test_each_row_is_whole_and_there_once() -> None:
    assert all(len(row) == 5 and all(row) for row in rows()), [row for row in rows() if len(row) != 5]
    assert len({(program, original) for program, original, *_ in rows()}) == len(rows())


def test_each_row_is_about_commands_of_ours() -> None:
    for row in rows():
        assert set(row[0].split(", ")) <= set(COMMANDS), row


def test_each_row_names_a_test_that_exists() -> None:
    for row in table("Every command") + rows():
        files = re.findall(r"`(tests/[\w/]+\.py)`([^;]*)", row[-1])
        assert files, row
        for file, tests in files:
            text = (CHECKOUT / file).read_text()
            for test in re.findall(r"`(test_\w+)", tests):
                assert f"def {test}" in text, (file, test)


def test_each_program_of_both_suites_is_shown_once() -> None:
    shown = [row[0] for row in table("Both suites at a glance")]
    assert sorted(shown) == sorted(UCSPI_TCP | DAEMONTOOLS)


def test_glance_says_which_programs_differ() -> None:
    differing = {program for row in rows() for program in row[0].split(", ")}
    for program, _, differs, _ in table("Both suites at a glance"):
        assert differs == ("yes" if program in differing else "no"), program


def test_glance_names_tests_that_run_the_program() -> None:
    for program, _, _, where in table("Both suites at a glance"):
        place = CHECKOUT / where.strip("`")
        files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
        assert any(f'"{program}' in file.read_text() for file in files), (program, where)
