"""svscan and the original over the same directories, with a ``supervise`` that tells how it was started."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from tests.support.commands import ENVIRONMENT, ours
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE, wait_for
from tests.support.processes import pids, status

# Tells in one record its pid, its arguments, its directory, where 0 and 1 lead,
# and which of the descriptors 3 to 9 are open; then waits to be killed.
TELLING = """#!/bin/sh
PATH=/usr/bin:/bin
here=$(pwd -P)
cd /proc/$$/fd
open=
for number in 3 4 5 6 7 8 9; do [ ! -e $number ] || open="$open $number"; done
printf '%s\\000' "$$ $# $1 ${here#"$SCANNED"} $(readlink 0) $(readlink 1)$open" >> "$TOLD"
cd "$here"
exec sleep 1000
"""

NANOSLEEP = ("230 ", "115 ")  # the system call, on x86_64 and aarch64


def both(oracle: Oracle) -> tuple[list[str], list[str]]:
    """Return our svscan and the original, as the beginnings of commands."""
    return ours("svscan"), [oracle("svscan")]


class Scan:
    """A running svscan, and the supervisors that it started, until the end of the block."""

    def __init__(
        self,
        command: list[str],
        scanned: Path,
        scratch: Path,
        *,
        arguments: "list[str | bytes] | None" = None,
        before: Callable[[], object] | None = None,
        path: str | None = None,
    ) -> None:
        """Start it over ``scanned``, keeping what is told in a new directory ``scratch``.

        ``arguments`` replace the name of that directory, ``path`` the PATH
        with the telling supervise.
        """
        scratch.mkdir()
        (scratch / "supervise").write_text(TELLING)
        (scratch / "supervise").chmod(0o755)
        self._told, self._errors = scratch / "told", scratch / "errors"
        self._told.touch()
        self._told.chmod(0o666)
        with open(self._errors, "wb") as errors:
            self.process = subprocess.Popen(
                [*command, *([str(scanned)] if arguments is None else arguments)],
                cwd=scanned,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                preexec_fn=before,
                env=ENVIRONMENT
                | {
                    "PATH": path if path is not None else f"{scratch}:/usr/bin:/bin",
                    "TOLD": str(self._told),
                    "SCANNED": str(scanned.resolve()),
                },
            )

    def wait(self) -> "Scan":
        """Wait until a scan is over and everything that it started has told."""
        wait_for(self.is_settled, "the end of a scan")
        return self

    def is_settled(self) -> bool:
        """Say whether a scan is over, and everything that it started has told."""
        if self.process.poll() is not None:
            return True
        return self.sleeps() and self.has_told()

    def has_told(self) -> bool:
        """Say whether everything that it started has told."""
        return self.children() <= self.pids()

    def sleeps(self) -> bool:
        """Say whether it waits for the next scan."""
        try:
            return Path(f"/proc/{self.process.pid}/syscall").read_text().startswith(NANOSLEEP)
        except PermissionError:  # some systems show it to root alone: nothing happens in it for a while
            before = self._switches()
            time.sleep(0.3)
            return before == self._switches()

    def _switches(self) -> list[str]:
        status = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return [line for line in status if "ctxt_switches" in line]

    def children(self) -> set[int]:
        """Return the pids of the children that have not ended."""
        return {pid for pid, parent, state in processes() if parent == self.process.pid and state != "Z"}

    def pids(self) -> set[int]:
        """Return the pids of all supervisors that told."""
        return {int(record.split()[0]) for record in self._records()}

    def _records(self) -> list[str]:
        return os.fsdecode(self._told.read_bytes()).split("\0")[:-1]

    def alive(self) -> dict[str, int]:
        """Return the pids of the supervisors that run, by their arguments and directory."""
        running = {pid for pid, _, state in processes() if state != "Z"}
        named = [(record.split(" "), int(record.split(" ")[0])) for record in self._records()]
        return {" ".join(words[2:4]): pid for words, pid in named if pid in running}

    def lines(self) -> list[bytes]:
        """Return what was written to stderr so far, line by line."""
        return self._errors.read_bytes().splitlines()

    def told(self) -> list[str]:
        """Return how supervisors were started, sorted, each pipe called by where it was seen first."""
        lines = [record.partition(" ")[2] for record in self._records()]
        pipes: dict[str, str] = {}

        def rename(found: "re.Match[str]") -> str:
            return pipes.setdefault(found[0], f"pipe {len(pipes)}")

        by_name = sorted(lines, key=lambda line: re.sub(r"pipe:\[\d+\]", "", line))
        return [
            re.sub(r"pipe:\[\d+\]", rename, line).replace(str(self._errors), "ERRORS") for line in by_name
        ]

    def __enter__(self) -> "Scan":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the scanner first, then what it started."""
        self.process.kill()
        self.process.wait(PATIENCE)
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def processes() -> "list[tuple[int, int, str]]":
    """Return pid, parent and state of every process."""
    found = [(pid, status(pid)) for pid in pids()]
    return [(pid, int(fields["PPid"]), fields["State"][0]) for pid, fields in found if fields]
