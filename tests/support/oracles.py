"""The original programs, which judge ours, and what a test does on a machine that lacks something."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

# Where Debian puts the original programs.  Found by absolute path, so that our
# own commands of the same names, first on PATH, are never their own judges.
ORACLE_DIRECTORIES = (Path("/usr/bin"), Path("/usr/sbin"), Path("/bin"), Path("/sbin"))

Oracle = Callable[[str], str]


def find_oracle(name: str) -> str | None:
    """Return the absolute path of an original program, or None."""
    for directory in ORACLE_DIRECTORIES:
        if os.access(directory / name, os.X_OK):
            return str(directory / name)
    return None


def missing(reason: str) -> NoReturn:
    """Skip the test, or fail it where ``UCSPI_ORACLES=required``."""
    if os.environ.get("UCSPI_ORACLES") == "required":
        pytest.fail(reason)
    pytest.skip(reason)
