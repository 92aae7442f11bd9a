"""The files that a page shows: each stands in a fence, below a line that begins with its name."""

import re
from pathlib import Path

_FILE = re.compile(r"`([^`\n]+)`[^`\n]*:\n\n```\w*\n(.*?)```\n", re.DOTALL)


def files_in(page: Path) -> dict[str, str]:
    """Return the names and texts of the files in a page."""
    return {match[1]: match[2] for match in _FILE.finditer(page.read_text())}
