"""How long the tests wait for what must happen: one place, and one factor for slow machines.

A deadline that is reached is a failure.  So it may be long: what works waits for none.
"""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

FACTOR = float(os.environ.get("UCSPI_PATIENCE", "1"))
PATIENCE = 60 * FACTOR  # seconds


def wait_for(
    reached: Callable[[], object],
    what: str | Callable[[], object],
    *,
    patience: float = PATIENCE,
    pause: float = 0.01,
) -> None:
    """Wait until something holds; fail with ``what``, or what it returns then, when it never does.

    ``pause``: seconds between two looks; more where a look costs a process.
    """
    deadline = time.monotonic() + patience
    while not reached():
        assert time.monotonic() < deadline, (
            f"waited {patience:.0f} s in vain for {what}" if isinstance(what, str) else what()
        )
        time.sleep(pause)


def remove(directory: Path) -> None:
    """Remove a directory into which somebody may still write."""

    def is_gone() -> bool:
        shutil.rmtree(directory, ignore_errors=True)
        return not directory.exists()

    wait_for(is_gone, f"{directory} to be gone")
