"""Rules on a disk that does not answer: nobody waits for it, and nobody gets in whom nothing allowed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

import ucspi.cdb
from tests.support import hangingfs
from tests.support.oracles import missing
from tests.support.patience import PATIENCE, wait_for
from tests.support.serving import COMMAND, ENVIRONMENT, Served, read_all, serving
from ucspi.unix import native
from ucspi.unix.cachedstat import CachedStat

pytestmark = [
    pytest.mark.sampled(3),
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
    pytest.mark.skipif(not os.access("/dev/fuse", os.W_OK), reason="this system has no /dev/fuse"),
]

LOOK = 0.1  # seconds that are waited for a look at the rules
LATE = "takes long to be read; until then"
AGAIN = "was read at last"
ALONE = ["unshare", "-m", "--propagation", "private", sys.executable, hangingfs.__file__]


@pytest.fixture(autouse=True)
def _can_mount() -> None:
    probe = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"unshare: {probe.stderr.decode().strip()}")


class Hanging:
    """A server whose rules are in a file system that answers, or does not."""

    def __init__(self, served: Served, folder: Path) -> None:
        self.served, self._folder = served, folder
        self._fuse = int((folder / "fuse.pid").read_text())

    def request_hang(self) -> None:
        os.kill(self._fuse, signal.SIGUSR1)

    def hang(self) -> None:
        self.request_hang()
        wait_for((self._folder / "hangs").exists, "a file system that hangs")

    def answer(self) -> None:
        os.kill(self._fuse, signal.SIGUSR2)

    def allows(self, source: str = "127.0.0.1") -> bool:
        """Return whether a client is let in, which is known soon."""
        begin = time.monotonic()
        with self.served.connect(source) as client:
            is_in = read_all(client) != b""
        assert time.monotonic() - begin < 10
        return is_in

    def count_lines(self, words: str) -> int:
        return sum(words in line for line in self.served.lines())

    def stop(self) -> None:
        begin = time.monotonic()
        assert self.served.stop() == 0
        assert time.monotonic() - begin < 10


def publish(path: Path, verdict: str, *, text: bool = False) -> None:
    if text:
        path.with_suffix(".tmp").write_text(f"127.0.0.1:{verdict}\n:deny\n")
        path.with_suffix(".tmp").rename(path)
        return
    with ucspi.cdb.create(path, fsync=False) as writer:
        writer.add(b"127.0.0.1", b"" if verdict == "allow" else b"D\0")
        writer.add(b"", b"D\0")


@contextmanager
def hanging(folder: Path, how: str, options: Sequence[str]) -> Iterator[Hanging]:
    command = [*ALONE, str(folder), how, *COMMAND]
    with serving(folder, ["-HRl0", *options], ["echo", "in"], command=command) as served:
        yield Hanging(served, folder)


@contextmanager
def waiting_for_rules(
    folder: Path, options: Sequence[str]
) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """Run a server whose first rules do not come; give its process and its port."""
    port = free_port()
    server = subprocess.Popen(
        [*ALONE, str(folder), "stuck", *COMMAND, "-HRl0", *options, "127.0.0.1", str(port), "echo", "in"],
        cwd=folder,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert server.stderr is not None
    try:
        assert any(b"nobody is let in" in line for line in server.stderr)
        yield server, port
    finally:
        server.kill()
        server.wait(PATIENCE)
        server.stderr.close()


@pytest.mark.parametrize("settled", [False, True])
def test_rules_that_hang_leave_those_from_before(tmp_path: Path, settled: bool) -> None:
    publish(tmp_path / "behind", "allow")
    with hanging(tmp_path, "awake", ["-x", "hanging/rules"]) as server:
        assert server.allows()
        if settled:
            time.sleep(2.2)
            assert server.allows()
        server.hang()
        publish(tmp_path / "behind", "deny")
        assert server.allows()  # it waited a little
        times = []
        for _ in range(20):
            begin = time.monotonic()
            assert server.allows()
            times.append(time.monotonic() - begin)
        assert min(times) < LOOK, "all others waited too"
        assert not server.allows("127.0.0.2")
        assert (server.count_lines(LATE), server.count_lines(AGAIN)) == (1, 0)
        server.answer()
        wait_for(lambda: not server.allows(), "the new rules")
        assert (server.count_lines(LATE), server.count_lines(AGAIN)) == (1, 1)
        server.hang()
        assert not server.allows()
        server.stop()


def test_change_on_a_file_system_that_may_hang_counts_for_the_next_client(tmp_path: Path) -> None:
    with_rules = tmp_path / "behind"
    publish(with_rules, "allow")
    with hanging(tmp_path, "awake", ["-x", "hanging/rules"]) as server:
        for verdict in ("allow", "deny") * 4:
            publish(with_rules, verdict)
            assert server.allows() == (verdict == "allow")
        assert server.served.lines() == []


@pytest.mark.parametrize(
    "text", [pytest.param(False, id="compiled"), pytest.param(True, id="text", marks=pytest.mark.slow)]
)
def test_nobody_is_let_in_before_rules_were_read(tmp_path: Path, text: bool) -> None:
    publish(tmp_path / "behind", "allow", text=text)
    command = ["--rules-text" if text else "-x", "hanging/rules"]
    with waiting_for_rules(tmp_path, command) as (server, port):
        clients = [socket.create_connection(("127.0.0.1", port), 0.3) for _ in range(2)]
        with pytest.raises(TimeoutError):
            clients[0].recv(1)
        os.kill(int((tmp_path / "fuse.pid").read_text()), signal.SIGUSR2)
        for client in clients:
            client.settimeout(PATIENCE)
            assert read_all(client) == b"in\n"
            client.close()
        server.terminate()
        assert server.wait(PATIENCE) == 0


@pytest.mark.parametrize("options", [[], ["--drain", "30"]], ids=["", "drain"])
@pytest.mark.parametrize("text", [False, True], ids=["compiled", "text"])
def test_server_that_waits_for_its_first_rules_can_be_ended(
    tmp_path: Path, text: bool, options: list[str]
) -> None:
    publish(tmp_path / "behind", "allow", text=text)
    command = [*options, "--rules-text" if text else "-x", "hanging/rules"]
    with waiting_for_rules(tmp_path, command) as (server, _):
        server.terminate()
        assert server.wait(9) == 0, "a server that waits neither for its rules nor for its drain time"


@pytest.mark.skipif(
    CachedStat(b"/").glance() is None,
    reason="only a glance sees that the link leads elsewhere while a look hangs",
)
def test_link_to_what_hangs_leaves_the_rules_from_before(tmp_path: Path) -> None:
    """Though so far they were on a disk of this machine, and looked at without a thread."""
    publish(tmp_path / "here", "allow")
    publish(tmp_path / "behind", "deny")
    link(tmp_path, "here")
    with hanging(tmp_path, "stuck", ["-x", "link"]) as server:
        assert server.allows()
        link(tmp_path, "hanging/rules")
        assert [server.allows() for _ in range(5)] == [True] * 5
        assert server.count_lines(LATE) == 1
        publish(tmp_path / "here", "deny")
        link(tmp_path, "here")
        assert not server.allows()  # what hangs does not matter any more
        server.stop()


@pytest.mark.slow
def test_text_that_hangs_leaves_the_rules_from_before(tmp_path: Path) -> None:
    publish(tmp_path / "behind", "allow", text=True)
    with hanging(tmp_path, "awake", ["--rules-text", "hanging/rules"]) as server:
        assert server.allows()
        server.hang()
        publish(tmp_path / "behind", "deny", text=True)
        end = time.monotonic() + 2
        while time.monotonic() < end:
            assert server.allows()
        server.answer()
        wait_for(lambda: not server.allows(), "the new rules")
        server.hang()
        assert not server.allows()
        server.stop()


@pytest.mark.skipif(not hasattr(native.lib, "usys_own_descriptors"), reason="there is no compiled module")
@pytest.mark.parametrize("options", [["-x", "hanging/rules"], ["--rules-text", "hanging/rules"]])
def test_handler_has_no_copy_of_rules_that_hang(tmp_path: Path, options: list[str]) -> None:
    """The kernel asks the file system when a copy is closed, so the exec would wait."""
    is_text = "text" in options[0]
    publish(tmp_path / "behind", "allow", text=is_text)
    (tmp_path / "opens").touch()
    with hanging(tmp_path, "awake", options) as server:
        assert server.allows()
        server.request_hang()
        publish(tmp_path / "behind", "deny", text=is_text)
        hangs = tmp_path / "hangs"
        wait_for(lambda: server.allows() and hangs.exists(), "a read that hangs")
        assert [server.allows() for _ in range(5)] == [True] * 5
        server.answer()
        wait_for(lambda: not server.allows(), "the new rules")
        server.stop()


def test_frozen_disk_does_not_hold_up_anybody(tmp_path: Path) -> None:
    if shutil.which("mkfs.ext4") is None:
        missing("mkfs.ext4 is not installed")
    subprocess.run(["truncate", "-s", "8M", tmp_path / "image"], check=True)
    subprocess.run(["mkfs.ext4", "-q", tmp_path / "image"], check=True)
    (tmp_path / "disk").mkdir()
    done = subprocess.run(["mount", "-o", "loop", tmp_path / "image", tmp_path / "disk"], capture_output=True)
    if done.returncode:
        pytest.skip(f"no disk can be mounted: {done.stderr.decode().strip()}")
    try:
        publish(tmp_path / "disk" / "rules", "allow")
        with serving(tmp_path, ["-HRl0", "-x", "disk/rules"], ["echo", "in"]) as served:
            server = Hanging.__new__(Hanging)
            server.served = served
            assert server.allows()
            subprocess.run(["fsfreeze", "-f", tmp_path / "disk"], check=True)
            try:
                assert [server.allows() for _ in range(3)] == [True] * 3
                server.stop()
            finally:
                subprocess.run(["fsfreeze", "-u", tmp_path / "disk"], check=True)
    finally:
        subprocess.run(["umount", "-l", tmp_path / "disk"], check=True)


def link(folder: Path, target: str) -> None:
    (folder / "new").symlink_to(target)
    (folder / "new").rename(folder / "link")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
