"""What scans say and start as services come, go and die: the same things in both, in the same order.

Both scan one directory, so they see one order of entries.  Scans are five
seconds apart, so several directories are changed and scanned at once.
"""

import os
import random
import shutil
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.differential.svscan import Scan, both
from tests.support.oracles import Oracle
from tests.support.patience import wait_for

pytestmark = [pytest.mark.oracle, pytest.mark.slow]

SENTINEL = b"svscan: warning: unable to stat sentinel: file does not exist"


class Scene:
    """A directory that both scan, and the services it has links to."""

    def __init__(self, oracle: Oracle, place: Path, stack: ExitStack, seed: int) -> None:
        """Make some services and start both."""
        place.mkdir()
        self.choose = random.Random(seed)
        self.scanned, self.services = place / "scanned", place / "services"
        self.scanned.mkdir()
        self.services.mkdir()
        (self.scanned / "sentinel").symlink_to("nowhere")  # tells when a scan is over
        self._count = 0
        self._halted: list[Scan] = []
        for _ in range(4):
            self.add()
        mine, original = both(oracle)
        self.scans = [
            stack.enter_context(Scan(command, self.scanned, place / name))
            for command, name in ((mine, "mine"), (original, "original"))
        ]

    def add(self) -> None:
        """Add a service, logged or not."""
        self._count += 1
        service = self.services / f"s{self._count}"
        (service / "log" if self.choose.random() < 0.6 else service).mkdir(parents=True)
        (self.scanned / f"n{self._count}").symlink_to(service)

    def change(self) -> None:
        """Do one thing that an administrator, or fate, does."""
        links = sorted(link for link in self.scanned.iterdir() if link.name != "sentinel")
        link = self.choose.choice(links) if links else None
        what = self.choose.choice(
            [
                self.add,
                self.bring_back,
                self.kill,
                self.retire,
                self.retire,
                "remove",
                "rename",
                "log",
                "point",
                "again",
            ]
        )
        if callable(what):
            what()
        elif link is None:
            self.add()
        elif what == "remove":
            link.unlink()
        elif what == "rename":
            self._count += 1
            link.rename(self.scanned / f"n{self._count}")
        elif what == "log":
            (link / "log").mkdir(exist_ok=True) if link.exists() else link.unlink()
        elif what == "point":
            target = self.choose.choice(sorted(self.services.iterdir()))
            link.unlink()
            link.symlink_to(target)
        elif link.exists():
            shutil.rmtree(link.resolve())

    def kill(self) -> None:
        """Kill one supervisor of each scanner, the same one."""
        alive = sorted(self.scans[0].alive())
        if alive:
            self._kill(self.choose.choice(alive))

    def _kill(self, victim: str) -> None:
        for scan in self.scans:
            os.kill(scan.alive()[victim], signal.SIGKILL)

    def retire(self) -> None:
        """Take a service out, as svc -dx does, or a while later."""
        named = sorted(link.name for link in self.scanned.iterdir() if link.exists())
        if named:
            name = self.choose.choice(named)
            service = (self.scanned / name).resolve()
            (self.scanned / name).unlink()
            for victim in (f"{name} ", f"log {service}"):
                if victim in self.scans[0].alive():
                    self._kill(victim)

    def bring_back(self) -> None:
        """Link a service that may have been there once, and has another name and a logger now."""
        self._count += 1
        linked = {link.resolve() for link in self.scanned.iterdir()}
        unlinked = [service for service in self.services.iterdir() if service.resolve() not in linked]
        service = self.choose.choice(sorted(unlinked or self.services.iterdir()))
        (service / "log").mkdir(exist_ok=True)
        (self.scanned / f"n{self._count}").symlink_to(service)

    def halt(self, scans: int) -> bool:
        """Stop each of the two once it has made so many scans; say whether both stand.

        Not after a look at all processes: it takes its time, and the next scan comes by itself.
        """
        for scan in self.scans:
            if scan not in self._halted and scan.lines().count(SENTINEL) >= scans and scan.sleeps():
                os.kill(scan.process.pid, signal.SIGSTOP)
                self._halted.append(scan)
        return len(self._halted) == len(self.scans)

    def go_on(self) -> None:
        """Let both make their next scan when its time has come."""
        for scan in self._halted:
            os.kill(scan.process.pid, signal.SIGCONT)
        self._halted.clear()

    def seen(self) -> list[int]:
        """Return how many scans each of the two has made."""
        return [scan.lines().count(SENTINEL) for scan in self.scans]

    def compare(self) -> None:
        """Require the same of both."""
        mine, original = self.scans
        assert mine.told() == original.told()
        assert mine.lines() == original.lines()
        assert mine.alive().keys() == original.alive().keys()


def halt_all(scenes: list[Scene], scans: int) -> bool:
    """Stop all that have made so many scans, or some make one more while others are waited for."""
    return False not in [scene.halt(scans) for scene in scenes]


def test_services_come_go_and_die(oracle: Oracle, tmp_path: Path) -> None:
    with ExitStack() as stack:
        scenes = [Scene(oracle, tmp_path / str(seed), stack, seed) for seed in range(6)]
        for turn in range(1, 6):
            wait_for(lambda turn=turn: halt_all(scenes, turn), "a scan")  # type: ignore[misc]
            for scene in scenes:
                assert scene.seen() == [turn, turn]
                wait_for(lambda scene=scene: all(scan.has_told() for scan in scene.scans), "all to tell")  # type: ignore[misc]
                scene.compare()
                for _ in range(scene.choose.randrange(1, 5)):
                    scene.change()
                scene.go_on()
