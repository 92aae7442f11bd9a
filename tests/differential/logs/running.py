"""A multilog that runs: what it is given, and what its log holds meanwhile."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.commands import ENVIRONMENT
from tests.support.patience import PATIENCE, wait_for

UNFINISHED = 0o644
WHOLE = 0o744


class Running:
    """A multilog that reads a pipe and writes ``log``."""

    def __init__(self, command: list[str], where: Path, actions: list[str]) -> None:
        self.log = where / "log"
        self.current = self.log / "current"
        self.reader, self.writer = os.pipe()
        self.process = subprocess.Popen(
            [*command, *actions, "./log"],
            cwd=where,
            stdin=self.reader,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
        )
        wait_for(self.is_ready, "a multilog that logs")

    def is_ready(self) -> bool:
        """Whether its handlers stand: they are the last that it sets up before it opens the log."""
        return self.process.poll() is not None or (self.current.exists() and self.mode() == UNFINISHED)

    def mode(self) -> int:
        return self.current.stat().st_mode & 0o7777

    def write(self, data: bytes) -> None:
        os.write(self.writer, data)

    def logs(self, data: bytes) -> None:
        """Wait until ``current`` holds exactly this."""
        wait_for(
            lambda: self.current.exists() and self.current.read_bytes() == data,
            lambda: (data, self.current.read_bytes()),
        )

    def finished(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted(self.log.glob("@*"))]

    def kill(self, number: int) -> None:
        self.process.send_signal(number)

    def heeds(self, number: int) -> None:
        """Send a signal, and wait until it was taken: what is written then is not read together with it."""
        self.kill(number)
        status = Path(f"/proc/{self.process.pid}/status")
        pending = re.compile(r"^ShdPnd:\s*(.*)$", re.MULTILINE)
        wait_for(lambda: not int(pending.findall(status.read_text())[0], 16), f"signal {number} to be taken")

    def ends(self) -> tuple[int, bytes]:
        """Wait for its end; return the exit code and what it said."""
        code = self.process.wait(PATIENCE)
        assert self.process.stderr is not None
        return code, self.process.stderr.read()

    def close(self) -> tuple[int, bytes]:
        """Close the pipe, and wait for its end."""
        os.close(self.writer)
        self.writer = -1
        return self.ends()


@contextmanager
def started(command: list[str], where: Path, actions: list[str]) -> Iterator[Running]:
    running = Running(command, where, actions)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait(PATIENCE)
        assert running.process.stderr is not None
        running.process.stderr.close()
        for number in {running.reader, running.writer} - {-1}:
            os.close(number)
