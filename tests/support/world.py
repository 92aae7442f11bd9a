"""A small network of its own for one test: a machine that nobody else sees.

A `World` is a network namespace whose loopback carries the addresses of the
walk-through, in a mount namespace with Debian's telnetd under the name
``in.telnetd`` and a user ``tellog``, in a process namespace whose first process
is a ``cat`` on our pipe.  When the pipe closes, however the test ended, that
``cat`` ends and the kernel kills every process of the world.  The machine
around it is not touched.
"""

import os
import select
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from shlex import quote
from types import TracebackType

from tests.support.oracles import find_oracle
from tests.support.patience import PATIENCE
from tests.support.program_choices import needed, write_commands

SERVER = "192.168.1.44"
FRIEND = "192.168.1.33"  # inside the network that the rules allow
OUTSIDER = "203.0.113.9"
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
OUR_COMMANDS = "/mnt"  # where every user of the world finds them

TOOLS = ("unshare", "nsenter", "mount", "ip")

# Run in the new namespaces, in a directory of the test's own.
PREPARE = f"""
ip link set lo up
for address in {SERVER} {FRIEND} {OUTSIDER}; do ip addr add $address/32 dev lo; done
mount --make-rprivate /

cat /etc/passwd > passwd
grep -q '^tellog:' passwd || echo 'tellog:x:65533:65534::/nonexistent:/bin/false' >> passwd
mount --bind passwd /etc/passwd

echo 'nameserver 127.0.0.1' > resolv.conf
[ ! -e /etc/resolv.conf ] || mount --bind resolv.conf /etc/resolv.conf

mkdir sbin
mount -t tmpfs tmpfs sbin
mkdir sbin/upper sbin/work
mount -t overlay -o lowerdir=/usr/sbin,upperdir=sbin/upper,workdir=sbin/work overlay /usr/sbin
[ -e /usr/sbin/in.telnetd ] || ln -s telnetd /usr/sbin/in.telnetd

"""


def commands_for_everybody(directory: Path, ours: frozenset[str]) -> Iterator[str]:
    """Yield shell commands that put our programs into the world, and their originals out of it.

    Whoever is not root must be able to run them: a directory that they need,
    below one that is closed, is mounted below a new one of the same name.
    """
    commands = directory / "commands"
    commands.mkdir()
    write_commands(commands, ours)
    yield f"mount -t tmpfs -o mode=755 tmpfs {OUR_COMMANDS}"
    if ours:
        yield f"cp -P commands/* {OUR_COMMANDS}"
    for original in filter(None, map(find_oracle, sorted(ours))):
        yield f"mount --bind /dev/null {original}"
    behind = {path: closed for path in needed() if (closed := closed_ancestor(path))}
    for closed in set(behind.values()):
        if directory.is_relative_to(closed):
            behind[directory] = closed  # the tests' own files would vanish with the others
    for number, path in enumerate(behind):
        yield f"mkdir hold{number}; mount --bind {quote(str(path))} hold{number}"
    for closed in sorted(set(behind.values())):
        yield f"mount -t tmpfs -o mode=755 tmpfs {quote(str(closed))}"
    for number, path in enumerate(behind):
        yield f"mkdir -p {quote(str(path))}; mount --bind hold{number} {quote(str(path))}"


def closed_ancestor(path: Path) -> Path | None:
    """Return the topmost directory above a path that not everybody may enter, or None."""
    for ancestor in reversed(path.parents):
        if not ancestor.stat().st_mode & stat.S_IXOTH:
            return ancestor
    return None


def why_not() -> str | None:
    """Return why no world can be made here, or None."""
    if os.geteuid() != 0:
        return "a network namespace of its own needs root"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"not installed: {' '.join(missing)}"
    probe = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False
    )
    return f"unshare: {probe.stderr.decode().strip()}" if probe.returncode else None


class World:
    """The namespaces, and programs started in them."""

    def __init__(self, directory: Path, ours: frozenset[str] = frozenset()) -> None:
        """Make the world.

        Args:
            directory: keeps its small files; made here.
            ours: names of programs that are ours in it, the originals being
                out of reach; the others are the originals.
        """
        directory.mkdir()
        self.ours = ours
        self.path = f"{OUR_COMMANDS}:{SYSTEM_PATH}"
        self._started: list[subprocess.Popen[bytes]] = []
        flags = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        prepare = ["set -e", PREPARE, *commands_for_everybody(directory, ours), "echo ready", "exec cat"]
        self._init = subprocess.Popen(
            ["unshare", *flags, "sh", "-c", "\n".join(prepare)],
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said = self._init.stdout.readline() if self._init.stdout else b""
        if said != b"ready\n":
            self.close()
            raise OSError(f"no world: {said.decode()}")

    def _inside(self, argv: Sequence[str], cwd: Path | None) -> list[str]:
        """Return what runs ``argv`` in the world; entering a mount namespace loses the directory."""
        spaces = f"/proc/{self._init.pid}/ns"
        enter = [f"--net={spaces}/net", f"--mount={spaces}/mnt", f"--pid={spaces}/pid_for_children"]
        return ["nsenter", *enter, "sh", "-c", 'cd "$0" && exec "$@"', str(cwd or "/"), *argv]

    def run(
        self, argv: Sequence[str], *, cwd: Path | None = None, timeout: float = PATIENCE, **options: object
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program in the world to its end."""
        run: Callable[..., subprocess.CompletedProcess[bytes]] = subprocess.run
        options = {"stdin": subprocess.DEVNULL, "capture_output": True, **options}
        return run(self._inside(argv, cwd), timeout=timeout, check=False, **options)

    def start(self, argv: Sequence[str], **options: object) -> subprocess.Popen[bytes]:
        """Start a program in the world; it lives at most as long as the world."""
        popen: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen
        process = popen(self._inside(argv, None), **options)
        self._started.append(process)
        return process

    def listens(self, port: int) -> bool:
        """Say whether something listens on a port of the world."""
        for line in Path(f"/proc/{self._init.pid}/net/tcp").read_text().splitlines()[1:]:
            _, local, _, state = line.split()[:4]
            if state == "0A" and int(local.rpartition(":")[2], 16) == port:
                return True
        return False

    def telnet(self, address: str, *, patience: float = PATIENCE) -> bytes:
        """Return what a telnet client from an address sees, until the prompt or its end."""
        telnet = self.start(
            ["telnet", "-b", address, SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert telnet.stdout is not None
        assert telnet.stdin is not None
        try:
            return read_until(telnet.stdout.fileno(), b"login: ", patience=patience)
        finally:
            telnet.stdin.close()  # the client hangs up when its input ends
            telnet.wait(PATIENCE)

    def processes(self) -> list[str]:
        """Return the command lines of what runs in the world, its first process not counted."""
        script = (
            'for p in /proc/[0-9]*; do [ $p != /proc/1 ] && [ $p != /proc/$$ ] && tr "\\0" " " < $p/cmdline;'
            " echo; done"
        )
        lines = self.run(["sh", "-c", script]).stdout.decode().splitlines()
        return [line for line in lines if line and not line.startswith("tr ")]

    def programs(self) -> list[str]:
        """Return the names of what runs in the world, without a stem; ours are scripts of an interpreter."""
        return [program(line.split()) for line in self.processes() if "supervise --warm" not in line]

    def close(self) -> None:
        """End the world and everything in it."""
        if self._init.stdin:
            self._init.stdin.close()
        self._init.wait(PATIENCE)
        if self._init.stdout:
            self._init.stdout.close()
        for process in self._started:
            process.wait(PATIENCE)
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()

    def __enter__(self) -> "World":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def program(words: Sequence[str]) -> str:
    """Return the name of the program that a command line runs."""
    is_script = words[0].startswith("/") and "python" in Path(words[0]).name and len(words) > 1
    return Path(words[1 if is_script else 0]).name


def read_until(stream: int, wanted: bytes, *, patience: float = PATIENCE) -> bytes:
    """Read a descriptor until ``wanted`` was seen or the other side closed; return all of it."""
    seen = b""
    deadline = time.monotonic() + patience
    while wanted not in seen:
        ready, _, _ = select.select([stream], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"waited {patience:.0f} s in vain for {wanted!r}, got {seen!r}"
        block = os.read(stream, 4096)
        if not block:
            break
        seen += block
    return seen
