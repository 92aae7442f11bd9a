"""Directories that look as if a supervise ran there, with a status that the test decides."""

import os
import time
from pathlib import Path

from ucspi.service.statusrecord import Details, Status
from ucspi.unix import tai

UP, DOWN = ord("u"), ord("d")


def record(
    pid: int, want: int = UP, *, age: float = 0.0, paused: int = 0, details: Details | None = None
) -> bytes:
    """Return a status record; ``pid`` is 0 if the service is down, ``age`` is in seconds."""
    stamp = tai.pack(time.time_ns() - int(age * 10**9))
    return Status(stamp, pid, paused, want, details).pack()


class FakeService:
    """One of them.

    Attributes:
        directory: of the service.
        state: its ``supervise``.
    """

    def __init__(self, directory: Path, status: bytes | None) -> None:
        """Make it; without a status there is none yet."""
        self.directory, self.state = directory, directory / "supervise"
        directory.mkdir(parents=True)
        self._readers: list[int] = []
        self.furnish(self.state)
        if status is not None:
            self.publish(status)

    def furnish(self, state: Path) -> None:
        """Make a ``supervise``, whose fifos are read from now on."""
        state.mkdir()
        for name in ("ok", "control"):
            os.mkfifo(state / name, 0o600)
            self._readers.append(os.open(state / name, os.O_RDONLY | os.O_NONBLOCK))

    def publish(self, status: bytes, state: Path | None = None) -> None:
        """Replace the status, as a supervisor does."""
        folder = state or self.state
        (folder / "status.new").write_bytes(status)
        (folder / "status.new").rename(folder / "status")

    def end(self) -> None:
        """Nobody reads the fifos any more, as when the supervisor has ended."""
        while self._readers:
            os.close(self._readers.pop())
