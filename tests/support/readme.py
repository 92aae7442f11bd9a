"""What README.md shows, for the tests that run it."""

import re
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"


def blocks(language: str = "") -> list[str]:
    """Return the fenced blocks in a language, in order."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    return [text for marked, text in fenced if marked == language]


def scripts() -> list[str]:
    """Return the blocks that are whole shell scripts."""
    return [block for block in blocks("sh") if block.startswith("#!/bin/sh\n")]
