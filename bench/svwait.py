"""From a cause until svwait has returned: our svwait and supervise against those of s6.

A service of each kind is down, and an svwait waits for it.  When that stands still in poll, the
cause is written by this script, and the end of svwait waited for.  So its start is
not measured, and the supervisor's part is.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ratios import columns, compare, faster_by_cost, header, options, program

S6 = "/usr/bin"
REST = 1.1  # seconds after a start in which a supervisor hears nothing
RUN = "#!/bin/sh\nread go < go\necho >&3\nexec sleep 100000\n"
PATIENCE = 20.0  # seconds
LOOK = 0.001  # seconds between two looks

Cause = Callable[[], object]


def until(reached: Callable[[], object], what: str) -> None:
    deadline = time.perf_counter() + PATIENCE
    while not reached():
        if time.perf_counter() > deadline:
            raise SystemExit(f"waited in vain for {what}")
        time.sleep(LOOK)


def latency(command: list[str], cause: Cause) -> float:
    """Return the milliseconds from a cause until a program that waits for it has ended."""
    waiting = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wchan = Path(f"/proc/{waiting.pid}/wchan")
    until(lambda: b"poll" in wchan.read_bytes(), f"{command[0]} to wait")
    time.sleep(20 * LOOK)  # it may have waited in poll for something else, for a moment
    begun = time.perf_counter()
    cause()
    if waiting.wait(PATIENCE):
        raise SystemExit(f"{command[0]}: unexpected status {waiting.returncode}")
    return (time.perf_counter() - begun) * 1000


class Service:
    """A service that is down, its supervisor, and the programs that wait for it."""

    def __init__(self, directory: Path, supervise: list[str], waits: dict[str, list[str]]) -> None:
        """Make the directory, and start the supervisor."""
        directory.mkdir(parents=True)
        (directory / "run").write_text(RUN)
        (directory / "run").chmod(0o755)
        (directory / "notification-fd").write_text("3\n")
        (directory / "down").touch()
        os.mkfifo(directory / "go")
        self.go = os.open(directory / "go", os.O_RDWR)
        self.directory, self.waits = directory, waits
        self._supervise = subprocess.Popen([*supervise, directory])
        self.control = directory / "supervise" / "control"
        self.tell(b"d")

    def tell(self, letters: bytes) -> None:
        """Send commands, as soon as somebody listens."""

        def is_sent() -> bool:
            try:
                control = os.open(self.control, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                return False
            os.write(control, letters)
            os.close(control)
            return True

        until(is_sent, str(self.control))

    def wait(self, state: str) -> list[str]:
        """Return the program that waits for a state."""
        return [*self.waits[state], str(self.directory)]

    def until_down(self) -> None:
        """Bring it down, and wait for that."""
        time.sleep(REST)
        self.tell(b"d")
        subprocess.run(self.wait("down"), check=True, timeout=PATIENCE)

    def up(self) -> float:
        """Measure from the command ``u``."""
        taken = latency(self.wait("up"), lambda: self.tell(b"u"))
        self.until_down()
        return taken

    def ready(self) -> float:
        """Measure from the moment in which the service goes on, to tell that it is ready."""
        self.tell(b"u")
        subprocess.run(self.wait("up"), check=True, timeout=PATIENCE)
        taken = latency(self.wait("ready"), lambda: os.write(self.go, b"\n"))
        self.until_down()
        return taken

    def close(self) -> None:
        """End the service and its supervisor."""
        self.tell(b"dx")
        self._supervise.wait(PATIENCE)
        os.close(self.go)


def main() -> None:
    arguments = options(__doc__ or "")
    header(["s6"])
    columns("ms", faster_by_cost)
    where = Path(tempfile.mkdtemp())
    svwait = program("svwait")
    mine = {state: [*svwait, state] for state in ("up", "ready", "down")}
    theirs = {
        "up": [f"{S6}/s6-svwait", "-u"],
        "ready": [f"{S6}/s6-svwait", "-U"],
        "down": [f"{S6}/s6-svwait", "-d"],
    }
    made: list[Service] = []
    try:
        for name, command, waits in (
            ("ours", program("supervise"), mine),
            ("s6", [f"{S6}/s6-supervise"], theirs),
        ):
            made.append(Service(where / name, command, waits))
        ours, peer = made
        compare("u is sent, until svwait up returns", ours.up, peer.up, arguments.rounds, faster_by_cost)
        compare(
            "a service is ready, until svwait ready returns",
            ours.ready,
            peer.ready,
            arguments.rounds,
            faster_by_cost,
        )
    finally:
        for service in made:
            service.close()
        shutil.rmtree(where)


if __name__ == "__main__":
    main()
