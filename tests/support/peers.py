"""s6 and runit, which judge what the optional files in a service directory mean."""

import os
import signal
import subprocess
from pathlib import Path

from tests.support.commands import ENVIRONMENT
from tests.support.oracles import find_oracle, missing
from tests.support.patience import PATIENCE, wait_for
from tests.support.supervised import is_in


def peer(program: str) -> str:
    """Return the path of a program of s6 or runit; skip the test where it is not installed."""
    return find_oracle(program) or missing(f"there is no {program}")


class Peer:
    """A service directory under ``s6-supervise`` or ``runsv``."""

    def __init__(self, directory: Path, run: str, files: dict[str, str]) -> None:
        """Make the directory."""
        self.directory = directory
        self.process: subprocess.Popen[bytes] | None = None
        fill(directory, {"run": run, **files})

    def start(self, program: str) -> "Peer":
        """Start the supervisor."""
        with open(self.directory.with_suffix(".err"), "ab") as err:
            self.process = subprocess.Popen(
                [peer(program), self.directory.name],
                cwd=self.directory.parent,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stderr=err,
            )
        return self

    def lines(self, name: str) -> list[str]:
        """Return the lines of a file in the directory."""
        return lines_of(self.directory / name)

    def close(self) -> None:
        """Kill the supervisor, and whatever stands in the directory."""
        if self.process:
            self.process.kill()
            self.process.wait(PATIENCE)
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and is_in(int(entry.name), self.directory):
                try:
                    os.kill(int(entry.name), signal.SIGKILL)
                except ProcessLookupError:
                    pass


def fill(directory: Path, files: dict[str, str]) -> None:
    """Write files into a directory; what begins as a script can be executed."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text)
        if text.startswith("#!"):
            (directory / name).chmod(0o755)


def lines_of(path: Path) -> list[str]:
    """Return the lines of a file; none if there is no such file."""
    return path.read_text().splitlines() if path.exists() else []


def wait_lines(path: Path, count: int = 1) -> list[str]:
    """Wait until a file has so many lines; return them."""
    wait_for(lambda: len(lines_of(path)) >= count, f"{path.name} has {count} lines")
    return lines_of(path)
