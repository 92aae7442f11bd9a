"""Other users, where they could not run the interpreter that a server needs, or read the files of a test."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.patience import remove

# Lets other users reach an interpreter below a directory that is closed to them, in a mount namespace.
OPEN = """
closed=$1 inside=$2 folder=$3; shift 3
mkdir -p "$folder" && mount --bind "$inside" "$folder" && mount -t tmpfs -o mode=755 none "$closed" &&
mkdir -p "$inside" && mount --bind "$folder" "$inside" && exec "$@"
"""


@contextmanager
def enterable() -> Iterator[Path]:
    """Give a directory that every user may enter.

    ``tmp_path`` is none, even if it is opened with all above it: each run of pytest that
    begins closes what is above it to others again, also for the runs of the same user that go on.
    """
    directory = Path(tempfile.mkdtemp())
    try:
        directory.chmod(0o755)
        yield directory
    finally:
        remove(directory)


def opened(folder: Path) -> list[str]:
    """Return what to put in front of a server whose handlers become another user."""
    inside = Path(sys.base_prefix).resolve()
    closed = [directory for directory in inside.parents if not directory.stat().st_mode & 1]
    if not closed:
        return []
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("other users cannot run the interpreter, and there is no mount namespace")
    return ["unshare", "--mount", "sh", "-c", OPEN, "sh", *map(str, (closed[-1], inside, folder / "inside"))]
