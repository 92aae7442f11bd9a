"""The installed commands as they were built: by a launcher, or as scripts where there was no compiler."""

import pytest

from tests.support.commands import COMMANDS
from ucspi.programs.commands import COMMANDS as MODULES

# These two are reached through `ucspi` alone.
INNER = {"demo", "connect"}
INSTALLED = sorted(set(MODULES) - INNER | {"ucspi"})


def is_launched() -> bool:
    """Return whether the commands are launchers."""
    try:
        with open(COMMANDS / "tcpserver", "rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False


needs_launcher = pytest.mark.skipif(
    not is_launched(), reason="the commands are scripts: they were built without a compiler"
)
