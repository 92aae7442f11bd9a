"""The folders of C depend on each other in one direction: the table in ``cdbext/README.md``."""

import re
from pathlib import Path

import pytest

from tests.support.layers import circles

CDBEXT = Path(__file__).parents[2] / "cdbext"
MAY_INCLUDE = {
    "numbers": set(),
    "cdb": {"numbers"},
    "rules": {"cdb", "numbers"},
    "python": {"cdb", "system", "numbers"},
    "system": {"proxy", "numbers"},
    "lines": {"numbers"},
    "proxy": {"numbers"},
    "nolibc": {"system"},
    "launcher": {"system", "numbers"},
    "mover": {"system", "lines"},
    "checking": {"cdb", "rules", "lines", "system", "numbers", "proxy"},
}
SOURCES = sorted(CDBEXT.glob("*/*.[ch]"))


def included(source: Path) -> list[str]:
    return re.findall(r'^#\s*include "(.+)"', source.read_text(), re.MULTILINE)


def test_every_folder_of_sources_is_in_the_table() -> None:
    assert {path.parent.name for path in SOURCES} == set(MAY_INCLUDE)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_includes_name_a_folder_that_may_be_included(source: Path) -> None:
    folder = source.parent.name
    for name in included(source):
        assert (CDBEXT / name).is_file(), name
        if "/" in name or folder != "checking":
            assert name.split("/")[0] in MAY_INCLUDE[folder] | {folder}, name


def test_python_is_known_in_one_folder() -> None:
    knowing = {path.parent.name for path in SOURCES if "<Python.h>" in path.read_text()}
    assert knowing == {"python"}


def test_neither_folders_nor_files_include_each_other_in_a_circle() -> None:
    assert circles(MAY_INCLUDE) == []
    names = {str(path.relative_to(CDBEXT)): path for path in SOURCES}
    graph = {
        name: [each if each in names else f"{path.parent.name}/{each}" for each in included(path)]
        for name, path in names.items()
    }
    assert circles(graph) == []


def test_readme_names_every_file_of_a_task_and_no_other() -> None:
    page = (CDBEXT / "README.md").read_text()
    cells = re.findall(r"`((?:[a-z]+/)?[a-z_]+\.[ch])`", page)
    known = {path.name for path in SOURCES}
    assert {name.rpartition("/")[2] for name in cells} <= known | {"cdbcore.h", "syscore.h"}
    tasks = {
        path.name
        for path in SOURCES
        if path.suffix == ".c" and path.parent.name not in ("launcher", "checking")
    }
    assert tasks <= {name.rpartition("/")[2] for name in cells}
