"""A disk that becomes read-only under what runs from it, as one does when the system finds it damaged."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.oracles import Oracle, missing
from tests.support.patience import wait_for
from tests.support.program_choices import SUITES
from tests.support.world import World, why_not

pytestmark = [pytest.mark.e2e, pytest.mark.oracle, pytest.mark.slow]

COUNTING = "#!/bin/sh\necho $$ >> {starts}\nexec sleep 1000\n"
TALKING = "#!/bin/sh\nwhile echo line; do sleep 0.05; done\n"
LOGGER = "#!/bin/sh\nexec multilog ./main\n"


class Damaged:
    """A world with a directory of services on a disk of its own, which `fail` makes read-only."""

    def __init__(self, world: World, place: Path) -> None:
        """Make the disk and put two services there, one with a logger."""
        self.world, self._place, self.disk = world, place, place / "disk"
        self._said = place / "said"
        self._starts = place / "starts"
        for file in (self._said, self._starts):
            file.touch()
        self.disk.mkdir()
        subprocess.run(["truncate", "-s", "8M", place / "image"], check=True)
        subprocess.run(["mkfs.ext4", "-q", place / "image"], check=True)
        done = world.run(["mount", "-o", "loop", str(place / "image"), str(self.disk)])
        if done.returncode:
            pytest.skip(f"no disk can be mounted: {done.stderr.decode().strip()}")
        self.run("rmdir", "lost+found")
        self._add("counting", COUNTING.format(starts=self._starts))
        self._add("talking", TALKING)
        self._add("talking/log", LOGGER)

    def _add(self, name: str, script: str) -> None:
        made = 'mkdir "$0" && printf %s "$1" > "$0/run" && chmod 755 "$0/run"'
        assert self.world.run(["sh", "-c", made, str(self.disk / name), script]).returncode == 0

    def start(self, command: list[str]) -> "subprocess.Popen[bytes]":
        with open(self._said, "ab") as said:
            return self.world.start([*command, str(self.disk)], env=self.environ, stdout=said, stderr=said)

    def run(self, *command: str) -> bytes:
        return self.world.run(command, cwd=self.disk, env=self.environ).stdout

    @property
    def environ(self) -> dict[str, str]:
        return {"PATH": self.world.path}

    def fail(self) -> None:
        """Have the system take the disk for damaged."""
        self.run("mount", "-o", "remount,abort", str(self.disk))
        assert self.world.run(["touch", str(self.disk / "x")]).returncode != 0

    def starts(self) -> list[str]:
        return self._starts.read_text().split()

    def logged(self) -> bytes:
        return self.run("cat", "talking/log/main/current")

    def said(self, line: str) -> bool:
        return line in self._said.read_text().splitlines()

    def count(self, program: str) -> int:
        return sum(program in command for command in self.world.processes())


@pytest.fixture(params=["ours", "original"])
def damaged(request: pytest.FixtureRequest, oracle: Oracle, tmp_path: Path) -> Iterator[Damaged]:
    if reason := why_not():
        pytest.skip(reason)
    if shutil.which("mkfs.ext4") is None:
        missing("mkfs.ext4 is not installed")
    oracle("svscan")
    with World(tmp_path / "world", SUITES if request.param == "ours" else frozenset()) as world:
        yield Damaged(world, tmp_path)


@pytest.mark.parametrize("options", [[], ["--in-process"]], ids=["svscan", "in-process"])
def test_services_are_supervised_on_a_disk_that_became_read_only(
    damaged: Damaged, options: list[str]
) -> None:
    is_ours = bool(damaged.world.ours)
    if options and not is_ours:
        pytest.skip("the original has no --in-process")
    damaged.start(["svscan", *options])
    wait_for(lambda: len(damaged.starts()) == 1 and damaged.logged() != b"", "both services")
    damaged.fail()
    damaged.run("kill", "-9", damaged.starts()[-1])
    wait_for(lambda: len(damaged.starts()) == 2, "it is started again")
    damaged.run("svc", "-d", "counting")
    wait_for(lambda: damaged.count("sleep 1000") == 0, "it is told to go down")
    damaged.run("svc", "-u", "counting")
    wait_for(lambda: len(damaged.starts()) == 3, "it is told to go up")
    warning = "supervise: warning: unable to open counting/supervise/status.new: read-only file system"
    assert damaged.said(warning)
    pausing = [
        f"multilog: warning: unable to write to ./main/current, pausing: {why}"
        for why in ("input/output error", "read-only file system")
    ]
    wait_for(lambda: any(map(damaged.said, pausing)), "multilog waits")
    assert damaged.count("multilog") == 1

    # Whoever comes after a killed scanner can lock nothing there, and starts nothing twice.
    damaged.run(
        "sh", "-c", "for p in /proc/[0-9]*; do grep -qz svscan $p/cmdline && kill -9 ${p#/proc/}; done"
    )
    damaged.start(["svscan", *options])
    refused = "supervise: fatal: unable to acquire counting/supervise/lock: read-only file system"
    wait_for(lambda: damaged.said(refused), "it cannot be locked")
    assert (len(damaged.starts()), damaged.count("sleep 1000"), damaged.count("multilog")) == (3, 1, 1)
