"""A restart, from its cause until the status shows the new process: our supervise against the original.

Ten supervisors of each kind wait; a round restarts the services of one kind, one
after the other, and counts the quickest, then those of the other.  The cause is
written, or sent, by this script, and the status read again and again, so that
what is measured is the supervisor's part.  Then the same crash with
s6-supervise and runsv, where they are installed: their status differs, so the new
process itself tells that it runs.  The last rows have the period of a service that
ends at once, which is a second by intent, and what the tools cost that are
interpreters here.
"""

import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ratios import columns, compare, elapsed, faster_by_cost, header, options, program
from servers import compile_c

ORIGINALS = "/usr/bin"
PEERS = ("s6-supervise", "runsv")
REST = 1.1  # seconds after a start in which a supervisor hears nothing
RUN = "#!/bin/sh\nexec sleep 100000\n"
LOOK = 0.00005  # seconds between two looks: the supervisor needs a processor too
PATIENCE = 20

Cause = Callable[["Service"], object]


class Service:
    """One service directory under one supervisor."""

    def __init__(self, directory: Path, command: list[str], run: str = RUN) -> None:
        """Make it, and wait until it is up."""
        directory.mkdir(parents=True)
        (directory / "run").write_text(run)
        (directory / "run").chmod(0o755)
        self.directory = directory
        self._supervise = subprocess.Popen([*command, directory])
        self.started = self.new(0)
        self.control = os.open(directory / "supervise" / "control", os.O_WRONLY)

    def status(self) -> bytes:
        """Return the record; zeros before there is one."""
        try:
            with open(self.directory / "supervise" / "status", "rb", 0) as file:
                return file.read(18)
        except FileNotFoundError:
            return bytes(18)

    def pid(self) -> int:
        """Return the pid in the record."""
        return int.from_bytes(self.status()[12:16], "little")

    def new(self, pid: int) -> float:
        """Wait for another process than this; return when it was seen."""
        deadline = time.perf_counter() + PATIENCE
        while self.pid() in (0, pid):
            if time.perf_counter() > deadline:
                raise SystemExit(f"{self.directory}: no new process")
            time.sleep(LOOK)
        return time.perf_counter()

    def restart(self, cause: Cause) -> float:
        """Return the milliseconds from a cause until a new process is seen."""
        time.sleep(max(0.0, self.started + REST - time.perf_counter()))
        pid = self.pid()
        begun = time.perf_counter()
        cause(self)
        self.started = self.new(pid)
        return (self.started - begun) * 1000

    def close(self) -> None:
        """End the service and its supervisor."""
        os.write(self.control, b"dkx")
        self._supervise.wait(PATIENCE)
        os.close(self.control)


class Telling:
    """A service that tells when it runs, under one supervisor."""

    def __init__(self, place: Path, command: list[str], run: Path) -> None:
        """Make it, and wait until it is up."""
        directory = place / "services" / "one"
        directory.mkdir(parents=True)
        os.link(run, directory / "run")
        os.mkfifo(place / "ready")
        self._ready = os.open(place / "ready", os.O_RDWR)
        self._supervise = subprocess.Popen([*command, directory])
        self._pid = self._wait()

    def _wait(self) -> int:
        """Wait until it runs; return its pid."""
        if not select.select([self._ready], [], [], PATIENCE)[0]:
            raise SystemExit(f"{self._supervise.args!r}: no new process")
        os.read(self._ready, 1)
        self._started = time.perf_counter()
        children = Path(f"/proc/{self._supervise.pid}/task/{self._supervise.pid}/children")
        return int(children.read_text().split()[0])

    def crash(self) -> float:
        """Return the milliseconds from the end of its process until the next one runs."""
        time.sleep(max(0.0, self._started + REST - time.perf_counter()))
        begun = time.perf_counter()
        os.kill(self._pid, signal.SIGKILL)
        self._pid = self._wait()
        return (self._started - begun) * 1000

    def close(self) -> None:
        """End the supervisor and the service."""
        self._supervise.kill()
        self._supervise.wait(PATIENCE)
        os.kill(self._pid, signal.SIGKILL)
        os.close(self._ready)


def tell(service: Service) -> None:
    os.write(service.control, b"t")


def crash(service: Service) -> None:
    os.kill(service.pid(), signal.SIGKILL)


def period(service: Service) -> float:
    """Return the milliseconds between two starts of a service that ends at once."""
    begun = service.new(service.pid())
    return (service.new(service.pid()) - begun) * 1000


def quickest(services: list[Service], cause: Cause) -> Callable[[], float]:
    """Return what measures the quickest restart among theirs: the one that was least disturbed."""
    return lambda: min(service.restart(cause) for service in services)


def least(services: list[Telling]) -> Callable[[], float]:
    """Return what measures the quickest restart after a crash."""
    return lambda: min(service.crash() for service in services)


def tools(svc: list[str], svstat: list[str], service: Service) -> Callable[[], float]:
    """Return what measures the programs: one that tells and one that asks."""
    name = str(service.directory)
    return lambda: elapsed([*svc, "-c", name]) + elapsed([*svstat, name])


def main() -> None:
    arguments = options(__doc__ or "")
    count = 2 if arguments.quick else 10
    header(["daemontools 0.76"])
    columns("ms", faster_by_cost)
    where = Path(tempfile.mkdtemp())
    commands = (program("supervise"), [f"{ORIGINALS}/supervise"])
    made: list[Service | Telling] = []
    try:
        many = [
            [Service(where / f"{kind}{number}", command) for number in range(count)]
            for kind, command in enumerate(commands)
        ]
        made += [service for services in many for service in services]
        restarts = (
            ("svc -t, until the status shows the new process", tell),
            ("the service is killed, until the status shows the new process", crash),
        )
        for subject, cause in restarts:
            ours, original = (quickest(services, cause) for services in many)
            compare(subject, ours, original, arguments.rounds, faster_by_cost)
        peers = [peer for peer in PEERS if os.path.exists(f"{ORIGINALS}/{peer}")]
        run = compile_c("up.c", where)
        for peer in peers:
            telling = [
                [Telling(where / f"{peer} {kind}{number}", command, run) for number in range(count)]
                for kind, command in enumerate((commands[0], [f"{ORIGINALS}/{peer}"]))
            ]
            made += [service for services in telling for service in services]
            one, other = (least(services) for services in telling)
            subject = f"the service is killed, until the next one runs: {peer}"
            compare(subject, one, other, arguments.rounds, faster_by_cost)
        mine = tools(program("svc"), program("svstat"), many[0][0])
        theirs = tools([f"{ORIGINALS}/svc"], [f"{ORIGINALS}/svstat"], many[1][0])
        compare("the programs svc -c and svstat", mine, theirs, arguments.rounds, faster_by_cost)
        ending = [
            Service(where / f"ends{kind}", command, "#!/bin/sh\n") for kind, command in enumerate(commands)
        ]
        made += ending
        compare(
            "a service that ends at once: from start to start",
            lambda: period(ending[0]),
            lambda: period(ending[1]),
            arguments.rounds,
            faster_by_cost,
        )
    finally:
        for service in made:
            service.close()
        shutil.rmtree(where)


if __name__ == "__main__":
    main()
