"""A directory of services under svscan, ours or the original, and what became of them."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import pytest

from tests.support.commands import ENVIRONMENT, ours
from tests.support.patience import PATIENCE, wait_for
from tests.support.processes import pids, status
from tests.support.world import SYSTEM_PATH

SLEEPER = "#!/bin/sh\nexec sleep 1000\n"
LOGGER = "#!/bin/sh\nexec multilog n100 ./main\n"

# Writes numbers, and goes on where it was when it is killed: one may come twice, none is left out.
COUNTER = """#!/bin/sh
n=$(cat count 2>/dev/null || echo 0)
while :; do
  echo $n
  n=$((n + 1))
  echo $n > count.new && mv count.new count
  sleep 0.02
done
"""

# Says many lines when it gets TERM, more than a pipe takes, and is gone.
TALKER = """#!/bin/sh
trap 'i=0
while [ $i -lt 2000 ]; do echo "$i the last words of a service that was told to end"; i=$((i+1)); done
exit 0' TERM
echo ready > ready
while :; do sleep 0.05; done
"""
# Does not end for TERM.
STUBBORN = """#!/bin/sh
trap '' TERM
echo ready > ready
while :; do sleep 0.05; done
"""

# Mounts a disk that never answers, and becomes the rest of its command line.
HUNG = """
import ctypes, os, sys
disk = os.open("/dev/fuse", os.O_RDWR)
os.set_inheritable(disk, True)
data = b"fd=%d,rootmode=40000,user_id=0,group_id=0" % disk
assert ctypes.CDLL(None).mount(b"hung", os.fsencode(sys.argv[1]), b"fuse", 0, data) == 0
os.execvp(sys.argv[2], sys.argv[2:])
"""

OURS = ours("svscan")
IN_PROCESS = [*OURS, "--in-process"]
EACH_MODE = pytest.mark.parametrize("command", [OURS, IN_PROCESS], ids=["processes", "in process"])
LONG = f"--stop-on-term={10 * PATIENCE:.0f}"  # never waited out


def add(scanned: Path, name: str, run: str | None = SLEEPER, log: str | None = None) -> Path:
    """Make a service; the name appears in the directory when all of it is there."""
    made = scanned.parent / f"made-{name}"
    made.mkdir()
    for directory, script in ((made, run), (made / "log", log)):
        if script is not None:
            directory.mkdir(exist_ok=True)
            (directory / "run").write_text(script)
            (directory / "run").chmod(0o755)
    made.rename(scanned / name)
    return scanned / name


class Status:
    """What a status file says, read without any tool."""

    def __init__(self, service: Path) -> None:
        """Read it; all is 0 when there is none."""
        try:
            record = (service / "supervise/status").read_bytes()
        except OSError:
            record = bytes(18)
        self.stamp, self.pid, self.want = record[:12], int.from_bytes(record[12:16], "little"), record[17]


class Scanning:
    """Runs svscan, again if it is asked to; at the end of the block nothing of it is left running."""

    def __init__(
        self, place: Path, *, path: str = SYSTEM_PATH, variables: Mapping[str, str] | None = None
    ) -> None:
        """Make the directory to scan; ``path`` finds supervise."""
        self.scanned = place / "scanned"
        self.scanned.mkdir()
        self._errors = place / "errors"
        self._errors.touch()
        self._environment = {**ENVIRONMENT, "PATH": path, **(variables or {})}
        self._started: list[subprocess.Popen[bytes]] = []

    def start(
        self, command: Sequence[str], *, before: Callable[[], object] | None = None
    ) -> "subprocess.Popen[bytes]":
        """Start a scanner over the directory."""
        with open(self._errors, "ab") as errors:
            process = subprocess.Popen(
                [*command, str(self.scanned)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                preexec_fn=before,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def kill(self) -> None:
        """Kill the scanner that was started last."""
        self._started[-1].kill()
        self._started[-1].wait(30)

    def lines(self) -> list[bytes]:
        """Return what was written to stderr, line by line."""
        return self._errors.read_bytes().splitlines()

    def forget_lines(self) -> None:
        """Begin anew with what is written to stderr."""
        os.truncate(self._errors, 0)

    def said(self, line: bytes) -> bool:
        """Say whether a line was written."""
        return line in self.lines()

    def control(self, options: str, *names: str) -> None:
        """Tell services something with the original svc."""
        subprocess.run(["/usr/bin/svc", options, *names], cwd=self.scanned, check=True, timeout=PATIENCE)

    def stat(self, *names: str) -> list[str]:
        """Return what the original svstat says."""
        done = subprocess.run(
            ["/usr/bin/svstat", *names], cwd=self.scanned, check=True, timeout=PATIENCE, capture_output=True
        )
        return done.stdout.decode().splitlines()

    def pid(self, name: str) -> int:
        """Return the pid that the status of a service names; 0 when it is down."""
        return Status(self.scanned / name).pid

    def wait_up(self, *names: str) -> list[int]:
        """Wait until services run; return their pids."""
        return [self.wait_new(name, 0) for name in names]

    def wait_new(self, name: str, old: int) -> int:
        """Wait until a service runs, and as another process than it did; return its pid."""
        seen = [old]

        def is_new() -> bool:
            seen.append(self.pid(name))
            return seen[-1] not in (0, old) and has_executed(seen[-1])

        wait_for(is_new, f"another {name}")
        return seen[-1]

    def is_up(self, name: str) -> bool:
        """Say whether a service's process runs its own program."""
        return has_executed(self.pid(name))

    def running(self) -> dict[int, str]:
        """Return the command lines of all processes that came of this, by pid: those of its sessions."""
        sessions = {str(process.pid) for process in self._started}
        found = {}
        for pid in pids():
            fields = status(pid)
            if fields and fields["NSsid"].split("\t")[0] in sessions and fields["State"][0] != "Z":
                try:
                    command = Path(f"/proc/{pid}/cmdline").read_bytes()
                except (FileNotFoundError, ProcessLookupError):
                    continue
                if command:  # else it is just ending
                    found[pid] = os.fsdecode(command.rstrip(b"\0").replace(b"\0", b" "))
        return found

    def supervisors(self) -> list[int]:
        """Return the pids of all ``supervise``, and of what they are forked from."""
        return [
            pid
            for pid, command in self.running().items()
            if any(word.rpartition("/")[2] == "supervise" for word in command.split())
        ]

    def numbers(self, name: str) -> list[int]:
        """Return the numbers that a counter's logger has stored."""
        log = self.scanned / name / "log/main"
        stored = b"".join(file.read_bytes() for file in sorted(log.glob("@*.[su]")))
        stored += (log / "current").read_bytes() if (log / "current").exists() else b""
        return [int(line) for line in stored.splitlines()]

    def __enter__(self) -> "Scanning":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the scanners first, or they would start anew what ends."""
        for process in self._started:
            process.kill()
            process.wait(PATIENCE)
        # Supervisors before services, for the same reason.
        wait_for(lambda: not self._kill_all("supervise") and not self._kill_all(""), "the end of all")

    def _kill_all(self, beginning: str) -> bool:
        """Kill what has such a command line; say whether there was anything."""
        victims = [pid for pid, command in self.running().items() if beginning in command]
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return bool(victims)


def has_executed(pid: int) -> bool:
    """Say whether a process lives, and runs another program than who started it."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False
    return command != b"" and b"svscan" not in command and b"supervise" not in command


def pipe_of(pid: int, descriptor: int) -> str:
    """Return which pipe a process has on a descriptor."""
    return os.readlink(f"/proc/{pid}/fd/{descriptor}")


def have_only_three(*pids: int) -> None:
    """Wait until processes have descriptors 0, 1 and 2 alone; a shell has one more for its script."""
    wait_for(lambda: all(descriptors(pid) == {"0", "1", "2"} for pid in pids), "three descriptors")


def descriptors(pid: int) -> set[str]:
    """Return the numbers of the descriptors that a process has open."""
    return set(os.listdir(f"/proc/{pid}/fd"))


def ready(scanning: Scanning, *names: str) -> None:
    """Wait until services have set their traps."""
    for name in names:
        wait_for((scanning.scanned / name / "ready").exists, f"{name} to be ready")


def nothing_runs(scanning: Scanning) -> bool:
    """Say whether no process is left; those of a shell that was killed end by themselves."""
    return [command for command in scanning.running().values() if not command.startswith("sleep 0.")] == []


def last_words(scanning: Scanning, name: str) -> list[int]:
    """Return the numbers of the lines that the logger of a talker has stored."""
    log = scanning.scanned / name / "log/main"
    text = b"".join(file.read_bytes() for file in [*sorted(log.glob("@*")), log / "current"])
    return [int(line.split()[0]) for line in text.splitlines() if b"last words" in line]
