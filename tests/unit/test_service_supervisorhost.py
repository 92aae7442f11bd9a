"""Many supervisors in one process, which looks only at what is ready."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import ENVIRONMENT
from tests.support.patience import PATIENCE, wait_for
from tests.support.supervised import PLAIN, Service, processes_in
from ucspi.service.eventloop import EventLoop

# Hosts what its arguments name; "-NAME" is removed after a second, TICK times are told.
HOST = """
import os, sys
from ucspi.service.eventloop import EventLoop
from ucspi.service.serviceprocess import ServiceSetup
from ucspi.service.supervisor import Supervisor
from ucspi.service.supervisorhost import SupervisorHost
from ucspi.unix.environ import inherited

loop = EventLoop()
hosts = SupervisorHost(loop)
setup = ServiceSetup(inherited())
directory = os.open(sys.argv[1], os.O_RDONLY)
left = []

def host(name):
    supervisor = Supervisor(name, setup, directory)
    hosts.add(supervisor, left=lambda: left.append(name))
    return supervisor

hosted = {name: host(name) for name in map(os.fsencode, sys.argv[2:])}
ticks = []

def tick():
    ticks.append(len(left))
    if os.path.exists(os.path.join(sys.argv[1], "remove")):
        name = open(os.path.join(sys.argv[1], "remove"), "rb").read()
        if name in hosted:
            hosts.remove(hosted.pop(name))
    if os.path.exists(os.path.join(sys.argv[1], "stop")):
        loop.stop()
    loop.after(0.05, tick)

tick()
child = os.spawnv(os.P_NOWAIT, "/bin/true", ["true"])
loop.on_child_end(child, lambda status: print("child ended", flush=True))
print("ready", flush=True)
loop.run()
print(len(hosts.supervisors()), [name.decode() for name in left], len(ticks) > 1, flush=True)
"""


@pytest.fixture
def services(tmp_path: Path) -> Iterator[list[Service]]:
    """Give eight services of which one crashes at once; half of them are not wanted up."""
    made = [
        Service(tmp_path / f"s{number}", "#!/bin/sh\n" if number == 7 else PLAIN, down=number in (4, 5, 6))
        for number in range(8)
    ]
    yield made
    for service in made:
        for pid in processes_in(service.directory):
            os.kill(pid, signal.SIGKILL)


class Host:
    """The one process that hosts them; its services inherit its files, so none is a pipe."""

    def __init__(self, where: Path, services: list[Service], name: str) -> None:
        self.out, self.err = where / f"{name}.out", where / f"{name}.err"
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            names = [service.directory.name for service in services]
            self.process = subprocess.Popen(
                [sys.executable, "-c", HOST, where, *names], env=ENVIRONMENT, stdout=out, stderr=err
            )
        wait_for(lambda: set(self.lines()) == {b"ready", b"child ended"}, "it hosts them")

    def lines(self) -> list[bytes]:
        return self.out.read_bytes().splitlines()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)


@pytest.fixture
def host(services: list[Service], tmp_path: Path) -> Iterator[Host]:
    """Give the process that hosts them."""
    made = Host(tmp_path, services, "host")
    yield made
    made.kill()


def up(service: Service) -> int:
    wait_for(lambda: service.pid() > 0, "up")
    return service.pid()


def test_one_process_hosts_many(services: list[Service], host: Host, tmp_path: Path) -> None:
    first = {service: up(service) for service in services[:4]}
    assert all(service.is_running() for service in services)
    assert {service.pid() for service in services[4:7]} == {0}

    for service in services[:2]:
        os.kill(first[service], signal.SIGKILL)
    services[4].send(b"u")
    services[2].send(b"p")
    services[7].send(b"dx")  # it crashes all the time, and is told between two starts
    wait_for(lambda: services[0].pid() not in (0, first[services[0]]), "started again")
    wait_for(lambda: services[1].pid() not in (0, first[services[1]]), "started again")
    up(services[4])
    services[2].wait_for_state(up=True, tail=b"\1u")
    wait_for(lambda: not services[7].is_running(), "it left")
    assert services[3].pid() == first[services[3]]

    (tmp_path / "remove").write_text("s3")
    wait_for(lambda: not services[3].is_running(), "it is removed")
    assert processes_in(services[3].directory) == [first[services[3]]], "and its process goes on"
    (tmp_path / "stop").touch()
    host.process.wait(PATIENCE)
    assert host.lines()[2:] == [b"6 ['s7'] True"]
    assert host.err.read_bytes() == b""


def test_successor_takes_all_of_them_over(services: list[Service], host: Host, tmp_path: Path) -> None:
    first = [up(service) for service in services[:4]]
    host.kill()
    successor = Host(tmp_path, services, "successor")
    try:
        assert [service.pid() for service in services[:4]] == first
        services[0].send(b"d")
        wait_for(lambda: services[0].pid() == 0, "it was signalled")
    finally:
        successor.kill()
    wanted = [
        b"supervise: warning: taking over s%d, which runs as process %d\n" % pair for pair in enumerate(first)
    ]
    assert [line for line in successor.err.read_bytes().splitlines(True) if b"s7" not in line] == wanted


def test_resting_supervisors_that_are_spoken_to_use_no_time(services: list[Service], host: Host) -> None:
    """Bytes wait in the fifo for a second; the host must not look at them all the time."""
    services[4].send(b"u")
    up(services[4])
    services[4].send(b"ZZZZ")
    begun = cpu(host.process.pid)
    time.sleep(0.5)
    assert not services[4].has_heard()
    assert cpu(host.process.pid) - begun <= 10, "hundredths of a second"


def cpu(pid: int) -> int:
    """Return the processor time of a process in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_event_of_a_closed_descriptor_is_not_its_successors() -> None:
    """Of two that are ready in one round, the first closes the second, whose number is used again."""
    loop = EventLoop()
    ready = [os.pipe() for _ in range(2)]
    quiet = os.pipe()
    called: list[str] = []

    def replace(own: int, other: int) -> None:
        called.append("ready")
        loop.stop_watching(own)
        loop.stop_watching(other)
        os.dup2(quiet[0], other)  # closes it, and has its number at once
        loop.on_readable(other, lambda: called.append("quiet"))
        loop.after(0.0, loop.stop)

    first, second = ready[0][0], ready[1][0]
    loop.on_readable(first, lambda: replace(first, second))
    loop.on_readable(second, lambda: replace(second, first))
    for _, writer in ready:
        os.write(writer, b"x")
    loop.after(20.0, lambda: None)
    loop.run()
    for end in (*ready[0], *ready[1], *quiet):
        os.close(end)
    assert called == ["ready"]
