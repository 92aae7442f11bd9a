"""Links that wait: for a disk, for a lock, for the name of an account.  Each delays its own client alone."""

import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support import hangingfs
from tests.support.patience import PATIENCE, wait_for
from tests.support.processes import descriptors, status
from tests.support.serving import read_all
from tests.support.warmed import CAN_BE_WARM, Server, server

pytestmark = [
    pytest.mark.sampled(3),
    pytest.mark.e2e,
    pytest.mark.skipif(
        not CAN_BE_WARM, reason="there are no steps without the compiled module and launchers"
    ),
]

SAY = ["sh", "-c", "echo in"]
MODULE = "hesiod"  # of the C library's names: one that every system has and none needs
# An account that is found when there is a file, by a module of the C library that waits for it.
SLEEPER = """
#include <nss.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum nss_status _nss_hesiod_getpwnam_r(const char *name, struct passwd *p, char *room, size_t size, int *e)
{
  static const struct timespec rest = { 0, 10000000 };
  (void)size, (void)e;
  if (strcmp(name, "sleeper"))
    return NSS_STATUS_NOTFOUND;
  while (access(AWAKE, F_OK))
    nanosleep(&rest, NULL);
  *room = 0;
  p->pw_name = p->pw_passwd = p->pw_gecos = p->pw_dir = p->pw_shell = room;
  p->pw_uid = 54321;
  p->pw_gid = 54322;
  return NSS_STATUS_SUCCESS;
}
"""


class Waits:
    """What a chain waits for."""

    def __init__(
        self,
        chain: Sequence[str],
        behind: Sequence[str | Path],
        stop: Callable[[], object],
        go: Callable[[], object],
    ) -> None:
        self.chain, self.behind, self.stop, self.go = chain, behind, stop, go


def _hanging_disk(place: Path) -> Iterator[Waits]:
    """Wait for a directory of envdir."""
    if os.geteuid() != 0 or not os.access("/dev/fuse", os.W_OK):
        pytest.skip("no file system can be mounted that hangs")
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("no mount namespace can be made")
    (place / "behind").write_text("value\n")
    alone = ["/usr/bin/unshare", "-m", "--propagation", "private"]

    def order(number: int) -> None:
        os.kill(int((place / "fuse.pid").read_text()), number)
        wait_for(lambda: (place / "hangs").exists() == (number == signal.SIGUSR1), "a file system that obeys")

    yield Waits(
        ["envdir", "./hanging"],
        [*alone, sys.executable, hangingfs.__file__, place, "awake"],
        lambda: order(signal.SIGUSR1),
        lambda: order(signal.SIGUSR2),
    )


def _held_lock(place: Path) -> Iterator[Waits]:
    with open(place / "lock", "wb") as file:
        yield Waits(
            ["setlock", "./lock"],
            [],
            lambda: fcntl.flock(file, fcntl.LOCK_EX),
            lambda: fcntl.flock(file, fcntl.LOCK_UN),
        )


def _sleeping_account(place: Path) -> Iterator[Waits]:
    libraries: Sequence[Path] = list(Path("/usr/lib").glob(f"*/libnss_{MODULE}.so.2"))
    if os.geteuid() != 0 or not libraries or shutil.which("cc") is None:
        pytest.skip("no module for names can be made, and put in the place of another")
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("no mount namespace can be made")
    awake = place / "awake"
    (place / "sleeper.c").write_text(f'#define AWAKE "{awake}"\n{SLEEPER}')
    module = place / "sleeper.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", module, place / "sleeper.c"], check=True)
    (place / "names").write_text(f"passwd: files {MODULE}\n")
    bind = 'mount --bind "$1" "$2" && mount --bind "$3" /etc/nsswitch.conf && shift 3 && exec "$@"'
    behind: list[str | Path] = [
        "/usr/bin/unshare",
        "-m",
        "/bin/sh",
        "-c",
        bind,
        "sh",
        module,
        libraries[0],
        place / "names",
    ]
    awake.touch()
    yield Waits(["argv0", "envuidgid", "envuidgid", "sleeper"], behind, awake.unlink, awake.touch)


REASONS = {
    "a disk that hangs": _hanging_disk,
    "a lock that is held": _held_lock,
    "a name that is looked up": _sleeping_account,
}


@pytest.fixture(params=REASONS)
def waits(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Waits]:
    yield from REASONS[request.param](tmp_path)


class Watched:
    """A server and its log."""

    def __init__(self, running: Server) -> None:
        self.running, self.pid = running, running.process.pid
        self._log = running.folder / "log.warm"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.running.port), PATIENCE)

    def lines(self) -> list[bytes]:
        return self._log.read_bytes().splitlines()

    def ended(self) -> dict[int, int]:
        """Return the wait status of each process that the log says has ended."""
        found = re.findall(rb"(?m)^tcpserver: end (\d+) status (\d+)$", self._log.read_bytes())
        return {int(pid): int(code) for pid, code in found}

    def wait_for_clients(self, count: int) -> None:
        def are_there() -> bool:
            counts = [line for line in self.lines() if line.startswith(b"tcpserver: status: ")]
            return counts[-1].startswith(b"tcpserver: status: %d/" % count)

        wait_for(are_there, self.lines)

    def has(self) -> tuple[int, str]:
        """Return how many descriptors the server has, and its children."""
        return descriptors(self.pid), Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()

    def process_of(self, client: socket.socket) -> int:
        """Return the process of a client, who is counted before it has one."""
        line = re.compile(rb"(?m)^tcpserver: ok (\d+) \S+ \S*:%d$" % client.getsockname()[1])
        wait_for(lambda: line.search(self._log.read_bytes()), self.lines)
        found = line.search(self._log.read_bytes())
        assert found
        return int(found[1])


@contextmanager
def watched(place: Path, waits: Waits) -> Iterator[Watched]:
    with server(place, "warm", [*waits.chain, *SAY], behind=waits.behind, options=["-c5"]) as running:
        yield Watched(running)


def test_server_goes_on_while_links_wait(tmp_path: Path, waits: Waits) -> None:
    """It accepts, logs and reaps; at last all who waited are served, and nothing is left of it."""
    with watched(tmp_path, waits) as watch, ExitStack() as held:
        assert watch.running.visit()[0] == b"in\n"
        before = watch.has()
        waits.stop()
        clients = []
        for number in range(1, 5):
            clients.append(held.enter_context(watch.connect()))
            watch.wait_for_clients(number)
        waiting = [watch.process_of(client) for client in clients]
        assert not set(waiting) & set(watch.ended())
        os.kill(waiting[1], signal.SIGKILL)
        wait_for(lambda: watch.ended().get(waiting[1]) == signal.SIGKILL, "a reaped process")
        assert read_all(clients.pop(1)) == b""
        watch.wait_for_clients(3)
        clients.append(held.enter_context(watch.connect()))  # in the slot that is free again
        watch.wait_for_clients(4)
        clients[0].close()  # a client that gives up keeps its slot, as its process does not look
        waits.go()
        for client in clients[1:]:
            client.settimeout(PATIENCE)
            assert read_all(client) == b"in\n"
        watch.wait_for_clients(0)
        assert watch.running.process.poll() is None
        assert watch.has() == before
        warnings = [line for line in watch.lines() if not line.startswith(b"tcpserver: ")]
        # Who was killed is an event of its own; the shell of the client that left complains.
        assert all(b"write error" in line or b"I/O error" in line for line in warnings), warnings


def test_server_ends_while_links_wait(tmp_path: Path, waits: Waits) -> None:
    """And leaves those that wait to their clients, who are served when they can be."""
    with watched(tmp_path, waits) as watch, ExitStack() as held:
        waits.stop()
        clients = [held.enter_context(watch.connect()) for _ in range(3)]
        waiting = [watch.process_of(client) for client in clients]
        begin = time.monotonic()
        watch.running.process.terminate()
        assert watch.running.process.wait(PATIENCE) == 0
        assert time.monotonic() - begin < PATIENCE / 2
        if "fuse" not in "".join(path.name for path in tmp_path.iterdir()):  # it ends with the server
            waits.go()
            for client in clients:
                client.settimeout(PATIENCE)
                assert read_all(client) == b"in\n"
        else:
            os.kill(int((tmp_path / "fuse.pid").read_text()), signal.SIGKILL)
        wait_for(lambda: not any(status(pid) for pid in waiting), "the end of the processes")


def test_signal_ends_what_waits(tmp_path: Path, waits: Waits) -> None:
    """As it ends an executed link: the child has the signals of the handler by then."""
    with watched(tmp_path, waits) as watch:
        waits.stop()
        with watch.connect() as client:
            pid = watch.process_of(client)
            wait_for(lambda: "SigBlk" in status(pid) and not int(status(pid)["SigBlk"], 16), "its signals")
            os.kill(pid, signal.SIGTERM)
            wait_for(lambda: watch.ended().get(pid) == signal.SIGTERM, watch.lines)
            assert read_all(client) == b""
        waits.go()
        wait_for(lambda: watch.running.visit()[0] == b"in\n", "a client that is served")


def test_program_that_is_removed_and_comes_back(tmp_path: Path) -> None:
    """What follows the links is looked for for each client, with the links as steps all the while."""
    program = tmp_path / "program"
    with server(tmp_path, "warm", ["argv0", "./program", "x"]) as running:
        for text in (b"one\n", b"two\n"):
            assert running.visit() == (
                b"",
                111 << 8,
                b"argv0: fatal: unable to run ./program: file does not exist\n",
            )
            program.write_bytes(b"#!/bin/sh\necho " + text)
            program.chmod(0o755)
            assert running.visit() == (text, 0, b"")
            program.chmod(0o644)
            assert running.visit()[1:] == (
                111 << 8,
                b"argv0: fatal: unable to run ./program: access denied\n",
            )
            program.unlink()
