"""Who holds a lock, on file systems of which /proc/locks tells another device than stat does."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import ENVIRONMENT
from tests.support.oracles import missing
from tests.support.patience import PATIENCE

pytestmark = [
    pytest.mark.sampled(3),
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system"),
]

# In a mount namespace of its own, which goes with it.
MOUNT = {
    "btrfs": """
        truncate -s 128M image
        mkfs.btrfs -q image
        mount -o loop image place
        mkdir place/x
    """,
    "btrfs subvolume": """
        truncate -s 128M image
        mkfs.btrfs -q image
        mount -o loop image place
        btrfs -q subvolume create place/x
    """,
    "overlay": """
        mount -t tmpfs none disk
        mkdir disk/lower disk/upper disk/work disk/lower/x
        mount -t overlay none -o lowerdir=disk/lower,upperdir=disk/upper,workdir=disk/work place
    """,
    "overlay of two": """
        mount -t tmpfs none disk
        mkdir disk/upper disk/work lower lower/x
        touch lower/x/held lower/x/other
        mount -t overlay none -o lowerdir=lower,upperdir=disk/upper,workdir=disk/work place
    """,
    "tmpfs": """
        mount -t tmpfs none place
        mkdir place/x
    """,
}

# Prints who is told to hold each lock, and the two who really do; and again when the first has been killed.
ASK = """
import os
from ucspi.unix import locks, procfiles

holders = []
for name in ("held", "other"):
    there, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.open("place/x/never", os.O_RDWR | os.O_CREAT)
        locks.acquire(b"place/x/" + name.encode())
        os.write(told, b".")
        os.read(os.pipe()[0], 1)
        os._exit(0)
    os.read(there, 1)
    holders.append(pid)
for name in ("held", "other", "never"):
    number = os.open("place/x/" + name, os.O_RDONLY)
    print(procfiles.find_lock_holder(number), *holders)
os.kill(holders[0], 9)
os.waitpid(holders[0], 0)
print(procfiles.find_lock_holder(os.open("place/x/held", os.O_RDONLY)), *holders)
os.kill(holders[1], 9)
"""


@pytest.mark.parametrize("what", MOUNT)
def test_holder_of_a_lock_is_found_on(what: str, tmp_path: Path) -> None:
    if what.startswith("btrfs") and shutil.which("mkfs.btrfs") is None:
        missing("btrfs-progs is not installed")
    for name in ("place", "disk"):
        (tmp_path / name).mkdir()
    script = f'set -e\n({MOUNT[what]}\n) >&2 || exit 77\nexec "$@"'
    done = subprocess.run(
        [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            script,
            "sh",
            sys.executable,
            "-c",
            ASK,
        ],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if done.returncode == 77:
        pytest.skip(f"{what} cannot be mounted: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    found = [line.split() for line in done.stdout.splitlines()]
    _, first, second = found[0]
    assert [line[0] for line in found] == [first, second, "None", "None"]
