"""A service directory, a supervise that runs in it, and what can be seen of both."""

import fcntl
import os
import signal
import struct
import subprocess
import termios
from pathlib import Path

from tests.support.commands import ENVIRONMENT
from tests.support.forked import FORKED, fork
from tests.support.patience import PATIENCE, wait_for
from ucspi.service.statusrecord import Status, unpack

# It notes each start, and survives TERM: so it can be up and wanted down.
STUBBORN = "#!/bin/sh\necho started >> starts\ntrap '' TERM\nexec sleep 1000\n"
PLAIN = "#!/bin/sh\necho started >> starts\nexec sleep 1000\n"


class Service:
    """A directory, and the supervise that was started on it."""

    def __init__(self, directory: Path, run: str | None = PLAIN, *, down: bool = False) -> None:
        """Make the directory; without ``run`` there is no program in it."""
        self.directory = directory
        self.supervise: subprocess.Popen[bytes] | None = None
        self.seen: set[int] = set()
        self._up: dict[int, int] = {}  # pids that were waited for, each with the starts
        directory.mkdir(parents=True)
        if run is not None:
            (directory / "run").write_text(run)
            (directory / "run").chmod(0o755)
        if down:
            (directory / "down").touch()

    def start(self, command: list[str], stderr: int | None = None) -> "Service":
        """Start a supervise, and wait until it runs or has given up."""
        with open(self.directory.with_suffix(".err"), "ab") as err:
            if command == FORKED:
                self.supervise = fork(str(self.directory), err.fileno() if stderr is None else stderr)
            else:
                self.supervise = subprocess.Popen(
                    [*command, str(self.directory)],
                    env=ENVIRONMENT,
                    stdin=subprocess.DEVNULL,
                    stderr=err if stderr is None else stderr,
                )
        wait_for(lambda: self.is_running() or self.code() is not None, "supervise runs")
        return self

    def code(self) -> int | None:
        """Return how the supervise ended, or None."""
        assert self.supervise
        return self.supervise.poll()

    def is_running(self) -> bool:
        """Return whether some supervise runs here."""
        try:
            os.close(os.open(self.directory / "supervise" / "ok", os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False
        return True

    def send(self, letters: bytes) -> None:
        """Send control bytes; nobody may be there any more."""
        try:
            fd = os.open(self.directory / "supervise" / "control", os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return
        os.write(fd, letters)
        os.close(fd)

    def has_heard(self) -> bool:
        """Return whether all control bytes have been read."""
        fd = os.open(self.directory / "supervise" / "control", os.O_RDWR | os.O_NONBLOCK)
        left = fcntl.ioctl(fd, termios.FIONREAD, bytes(4))
        os.close(fd)
        return struct.unpack("i", left) == (0,) or not self.is_running()

    def status(self) -> bytes:
        """Return the status file."""
        record = (self.directory / "supervise" / "status").read_bytes()
        assert len(record) == 18
        return record

    def known(self) -> Status:
        """Return the status of ours in full, whether it is short or long."""
        known = unpack((self.directory / "supervise" / "status").read_bytes())
        assert known
        return known

    def pid(self) -> int:
        """Return the pid in the status file."""
        pid = self.known().pid
        if pid:
            self.seen.add(pid)
        return pid

    def starts(self) -> int:
        """Return how often the service has noted a start."""
        path = self.directory / "starts"
        return len(path.read_bytes().splitlines()) if path.exists() else 0

    def state(self) -> tuple[bool, bytes, int, int | None]:
        """Return all of it that does not differ from one run to the next."""
        return self.pid() > 0, self.status()[16:], self.starts(), self.code()

    def wait_up(self, starts: int = 1) -> int:
        """Wait until the service runs, and has noted so many starts; return its pid.

        It notes a start by itself, maybe before the status has its pid: that is not
        one for which fewer starts were waited for.
        """
        old = {pid for pid, before in self._up.items() if before < starts}
        wait_for(lambda: self.starts() >= starts and self.pid() not in {0, *old}, "the service is up")
        pid = self.pid()
        self._up[pid] = starts
        return pid

    def wait_for_state(self, *, up: bool, tail: bytes) -> None:
        """Wait until the service is up or not, and the last two bytes of its status are these."""
        wait_for(lambda: (self.pid() > 0, self.status()[16:]) == (up, tail), f"{up} {tail!r}")

    def wait_left(self) -> int:
        """Wait until the supervise has ended; return its exit code."""
        wait_for(lambda: self.code() is not None, "supervise ends")
        code = self.code()
        assert code is not None
        return code

    def wait_for_file(self, name: str) -> bytes:
        """Wait until a file of the directory has something in it; return that."""
        path = self.directory / name
        wait_for(lambda: path.exists() and path.stat().st_size, f"there is {name}")
        return path.read_bytes()

    def said(self) -> bytes:
        """Return what the supervise, and its service, wrote to standard error."""
        return self.directory.with_suffix(".err").read_bytes()

    def close(self) -> None:
        """Kill the supervise first, then whatever it started."""
        if self.supervise:
            self.supervise.kill()
            self.supervise.wait(PATIENCE)
        if (self.directory / "supervise" / "status").exists():
            self.pid()
        for pid in self.seen:
            if is_in(pid, self.directory):
                os.kill(pid, signal.SIGKILL)


def is_in(pid: int, directory: Path) -> bool:
    """Return whether a process lives, and in that directory: it is no stranger then."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == directory.resolve()
    except OSError:
        return False


def processes_in(directory: Path) -> list[int]:
    """Return the services that run in a directory: all that stand there but supervisors."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and is_in(int(entry.name), directory):
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if line and b"supervise" not in line.partition(bytes(directory))[0]:
                found.append(int(entry.name))
    return found
