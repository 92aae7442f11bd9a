"""A disk that hangs under one service of ``svscan --in-process`` costs that service, and no other one."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.scanning import HUNG, IN_PROCESS, LOGGER, OURS, SLEEPER, TALKER, Scanning, add, last_words
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE, wait_for
from tests.support.peers import fill

TOOLS = ("unshare", "nsenter", "mkfs.ext4", "fsfreeze", "losetup")

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.oracle,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk"),
]

SOON = 4.0  # seconds in which everything happens that waits for no disk, on a machine under load


@pytest.fixture
def scanning(tmp_path: Path, oracle: Oracle) -> Iterator[Scanning]:
    for program in ("svc", "svstat"):
        oracle(program)
    with Scanning(tmp_path) as made:
        yield made


def add_elsewhere(scanning: Scanning, name: str, place: Path) -> None:
    """Make a service in another directory, linked from ours."""
    (place / name).mkdir()
    (place / name / "run").write_text(SLEEPER)
    (place / name / "run").chmod(0o755)
    (scanning.scanned / name).symlink_to(place / name)


class Frozen:
    """An ext4 file system in a mount namespace of its own, that is frozen and thawed."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._path = place / "disk"
        self._path.mkdir()
        image = place / "image"
        with image.open("wb") as file:
            file.truncate(16 << 20)
        subprocess.run(["mkfs.ext4", "-q", image], check=True, timeout=PATIENCE)
        prepare = 'mount -o loop "$0" "$1" && echo ready && exec cat'
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", prepare, image, self._path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"ready\n":
            self.close()
            pytest.skip("no loop device can be mounted here")
        self.inside = ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt"]
        self.seen = Path(f"/proc/{self._holder.pid}/root{self._path}")  # from out here

    def add(self, scanning: Scanning, name: str) -> None:
        """Make a service on it, linked from the directory that is scanned."""
        add_elsewhere(scanning, name, self.seen)
        (scanning.scanned / name).unlink()
        (scanning.scanned / name).symlink_to(self._path / name)

    def pid(self, name: str) -> int:
        """Return the pid that the status of a service on it names."""
        try:
            return int.from_bytes((self.seen / name / "supervise/status").read_bytes()[12:16], "little")
        except OSError:
            return 0

    def tell(self, name: str, letters: bytes) -> None:
        """Tell a service on it something."""
        control = os.open(self.seen / name / "supervise/control", os.O_WRONLY | os.O_NONBLOCK)
        os.write(control, letters)
        os.close(control)

    def freeze(self) -> None:
        """Let every write to it hang, until it is thawed."""
        subprocess.run([*self.inside, "fsfreeze", "--freeze", self._path], check=True, timeout=PATIENCE)

    def thaw(self) -> None:
        """Let them go on, if it is frozen."""
        command = [*self.inside, "fsfreeze", "--unfreeze", str(self._path)]
        subprocess.run(command, check=False, capture_output=True, timeout=PATIENCE)

    def close(self) -> None:
        assert self._holder.stdin is not None
        assert self._holder.stdout is not None
        self._holder.stdin.close()
        self._holder.wait(PATIENCE)
        self._holder.stdout.close()


@pytest.fixture
def frozen(tmp_path: Path) -> Iterator[Frozen]:
    for tool in TOOLS:
        if shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
            pytest.skip(f"{tool} is not installed")
    made = Frozen(tmp_path)
    yield made
    made.close()


@pytest.fixture
def on_frozen(frozen: Frozen, scanning: Scanning) -> Iterator[Scanning]:
    """Give a directory of services that are ended after the disk was thawed."""
    yield scanning
    frozen.thaw()


def waits_for_disk(pid: int) -> bool:
    """Say whether a process, or one of its threads, waits for a disk, where nothing ends it."""
    try:
        tasks = Path(f"/proc/{pid}/task").glob("*/stat")
        return any(task.read_text().rpartition(")")[2].split()[0] == "D" for task in tasks)
    except FileNotFoundError:
        return False


def good_is_served(scanning: Scanning) -> None:
    """See that a service on another disk is started again, heard, and its status published."""
    pid = scanning.pid("good")
    os.kill(pid, signal.SIGKILL)
    begun = time.monotonic()
    pid = scanning.wait_new("good", pid)
    scanning.control("-d", "good")
    wait_for(lambda: scanning.stat("good")[0].startswith("good: down"), "it to be down")
    scanning.control("-u", "good")
    scanning.wait_up("good")
    assert time.monotonic() - begun < SOON


@pytest.mark.slow
def test_frozen_supervise_directory(on_frozen: Scanning, frozen: Frozen) -> None:
    scanning = on_frozen
    add(scanning.scanned, "good")
    for name in ("bad", "worse", "mute"):
        frozen.add(scanning, name)
    scanner = scanning.start([*frozen.inside, *IN_PROCESS])
    scanning.wait_up("good")
    wait_for(lambda: all(map(frozen.pid, ("bad", "worse", "mute"))), "those on the disk")
    before = [frozen.pid(name) for name in ("bad", "worse", "mute")]
    time.sleep(1.1)  # a supervisor hears nothing for a second after a start
    frozen.freeze()
    frozen.tell("mute", b"p")
    wait_for(lambda: waits_for_disk(scanner.pid), "a status that cannot be published")
    good_is_served(scanning)
    for pid in before[:2]:
        os.kill(pid, signal.SIGKILL)
    good_is_served(scanning)
    frozen.tell("worse", b"d")
    good_is_served(scanning)
    wait_for(lambda: b"supervise: warning: waiting for the disk of bad" in scanning.lines(), "the warning")
    frozen.thaw()
    wait_for(lambda: frozen.pid("bad") not in (0, before[0]), "bad, started again")
    wait_for(lambda: frozen.pid("worse") == 0, "worse, which was told to end")
    status = frozen.seen / "mute/supervise/status"
    wait_for(lambda: status.read_bytes()[12:] == before[2].to_bytes(4, "little") + b"\1u", "mute, paused")
    assert sorted(pid for pid, command in scanning.running().items() if command == "sleep 1000") == sorted(
        [scanning.pid("good"), frozen.pid("bad"), before[2]]
    )


@pytest.mark.slow
@pytest.mark.parametrize("command", [OURS, IN_PROCESS], ids=["processes", "in process"])
def test_frozen_disk_holds_up_no_end(on_frozen: Scanning, frozen: Frozen, command: list[str]) -> None:
    scanning = on_frozen
    add(scanning.scanned, "good", TALKER, LOGGER)
    frozen.add(scanning, "bad")
    scanner = scanning.start([*frozen.inside, *command, "--stop-on-term=3"])
    wait_for((scanning.scanned / "good/ready").exists, "the good one")
    scanning.wait_up("good/log")
    wait_for(lambda: frozen.pid("bad") > 0, "the one on the disk")
    bad = frozen.pid("bad")
    frozen.freeze()
    scanner.send_signal(signal.SIGTERM)
    wait_for(lambda: bad not in scanning.running(), "the service on the disk to get its signal")
    wait_for(lambda: len(last_words(scanning, "good")) == 2000, "every line of the other one")
    wait_for(lambda: has_ended(scanner), "an end without the disk", patience=3 + 1 + 0.5 + SOON)


@pytest.mark.slow
def test_frozen_disk_under_optional_files(on_frozen: Scanning, frozen: Frozen) -> None:
    """What is read and written there at the end of a run is done aside."""
    scanning = on_frozen
    add(scanning.scanned, "good")
    frozen.add(scanning, "bad")
    fill(frozen.seen / "bad", {"finish": "#!/bin/sh\nexit 0\n", "flag-notify-socket": "", "backoff": "0.1 1"})
    scanning.start([*frozen.inside, *IN_PROCESS])
    scanning.wait_up("good")
    wait_for(lambda: frozen.pid("bad") > 0, "the one on the disk")
    before = frozen.pid("bad")
    time.sleep(1.1)  # a supervisor hears nothing for a second after a start
    frozen.freeze()
    os.kill(before, signal.SIGKILL)
    good_is_served(scanning)
    wait_for(lambda: b"supervise: warning: waiting for the disk of bad" in scanning.lines(), "the warning")
    good_is_served(scanning)
    frozen.thaw()
    wait_for(lambda: frozen.pid("bad") not in (0, before), "bad, started again")
    assert len((frozen.seen / "bad/supervise/death_tally").read_bytes()) == 14


def has_ended(process: "subprocess.Popen[bytes]") -> bool:
    """Say whether a process does nothing any more; while a thread of it waits for a disk it is not gone."""
    if process.poll() is not None:
        return True
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.slow
@pytest.mark.skipif(not os.access("/dev/fuse", os.W_OK), reason="only root can mount a disk that hangs")
def test_run_on_a_disk_that_hangs(scanning: Scanning, tmp_path: Path) -> None:
    add(scanning.scanned, "good")
    bad = add(scanning.scanned, "bad", None)
    (bad / "down").touch()
    disk = tmp_path / "disk"
    disk.mkdir()
    (bad / "run").symlink_to(disk / "run")
    mount = ["unshare", "--mount", sys.executable, "-c", HUNG, str(disk)]
    scanner = scanning.start([*mount, *IN_PROCESS])
    scanning.wait_up("good")
    wait_for((bad / "supervise/ok").exists, "the other one's supervisor")
    scanning.control("-u", "bad")
    wait_for(lambda: scanning.pid("bad") > 0, "a process that hangs")
    late = scanning.pid("bad")
    good_is_served(scanning)
    assert not scanning.is_up("bad")
    wait_for(lambda: b"supervise: warning: waiting for the disk of bad" in scanning.lines(), "the warning")
    good = scanning.pid("good")

    # It holds no lock but its own: whoever comes next supervises all others, and starts nothing twice.
    with Path(f"/proc/{late}/cmdline").open("rb"):
        scanner.kill()
        scanner.wait(PATIENCE)
    scanning.start([*mount[:2], *IN_PROCESS])
    wait_for(lambda: any(b"taking over good" in line for line in scanning.lines()), "good, taken over")
    taken = b"supervise: fatal: unable to acquire bad/supervise/lock: temporary failure"
    wait_for(lambda: taken in scanning.lines(), "the complaint about the other one")
    assert scanning.pid("good") == good
    os.kill(late, signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{late}").exists(), "the late one's end")
    good_is_served(scanning)
