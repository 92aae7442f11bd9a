"""Pages name only files that exist, so a file cannot be moved without its pages."""

import re
from pathlib import Path

import pytest

import ucspi

CHECKOUT = Path(__file__).resolve().parent.parent.parent
INSTALLED = Path(ucspi.__file__).resolve().parent.parent  # where the package is, if not in the checkout
PLACES = [CHECKOUT, INSTALLED, INSTALLED / "ucspi", CHECKOUT / "cdbext"]  # that a short path may begin at
PAGES = [CHECKOUT / "README.md", CHECKOUT / "cdbext" / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
TOP = "bench|bin|cdbext|docs|findings|tests|typings|ucspi"
MADE = {"ucspi/_mover", "ucspi/_packed.bin"}  # by a compiler, or when a wheel is built
PATH = re.compile(rf"`((?:{TOP})/[^`\s]*|[\w/]+/\w+\.(?:py|c|h|sh))`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_page_names_files_that_exist(page: Path) -> None:
    named = {path.rstrip("/") for path in PATH.findall(page.read_text()) if not re.search(r"[A-Z]{4}", path)}
    assert [
        path for path in sorted(named - MADE) if not any(list(place.glob(path)) for place in PLACES)
    ] == []
