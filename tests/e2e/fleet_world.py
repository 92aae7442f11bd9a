"""Two balancers and two machines, each of these in a network and mount namespace of its own: docs/fleet.md.

    unshare -n -m -p -f --kill-child --mount-proc python -m tests.e2e.fleet_world PAGE PLACE COMMANDS

Everything that runs here comes from the page, but for the handler, and for ``ssh``,
which enters the namespaces of a machine.  Fails with a traceback.
"""

import itertools
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.support.pagefiles import files_in
from tests.support.patience import PATIENCE, wait_for

MACHINES = {"one": "10.9.0.11", "two": "10.9.0.12"}
BALANCERS = {"lb1": "10.9.0.1", "lb2": "10.9.0.2"}
OTHER = {"lb1": "lb2", "lb2": "lb1"}
SYSTEM = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# It says on which machine it runs, whom it serves, and every line that it reads.
SMTPD = """\
#!/bin/sh
read -r name </srv/name
echo "$name $TCPREMOTEIP $TCPPROXYIP"
exec cat
"""
SSH = """\
#!/bin/sh
read -r pid <"{place}/$1.pid"
shift
exec nsenter -t "$pid" -n -m sh -c "$*"
"""


class Fleet:
    """The world of the page.

    Attributes:
        failures: what went wrong with clients of the load.
        served: how many clients of the load each machine has served.
    """

    def __init__(self, page: Path, place: Path, commands: Path) -> None:
        """Make the namespaces and write the files; ``place`` is empty, ``commands`` holds our programs."""
        self._place, self._files = place, files_in(page)
        self._bin = place / "bin"
        self._bin.mkdir()
        self._environ = {"PATH": f"{self._bin}:{commands}:{SYSTEM}", "HOME": str(place)}
        _write(self._bin / "ssh", SSH.format(place=place))
        self.failures: list[str] = []
        self.served = dict.fromkeys(MACHINES, 0)
        self._lock = threading.Lock()
        self._make_network()
        for name in MACHINES:
            self._make_machine(name)
        for name in BALANCERS:
            self._make_balancer(name)

    def run(self, *command: str, directory: str = ".") -> str:
        """Run a command to its end, which must be a good one; return its output."""
        where = self._place / directory
        done = subprocess.run(
            command, cwd=where, env=self._environ, capture_output=True, text=True, timeout=4 * PATIENCE
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def script(self, name: str, directory: str = ".") -> str:
        """Run a script of the page; return its output."""
        path = self._bin / name
        if not path.exists():
            _write(path, self._files[name])
        return self.run(str(path), directory=directory)

    def _make_network(self) -> None:
        for line in (
            "link set lo up",
            "link add br0 type bridge",
            "link set br0 up",
            *(f"addr add {ip}/24 dev br0" for ip in BALANCERS.values()),
            *(f"addr add 10.9.{net}.1/24 dev lo" for net in (8, 9)),  # the clients'
        ):
            self.run("ip", *line.split())

    def _make_machine(self, name: str) -> None:
        srv = self._place / name
        for path in ("smtpd/run", "smtpd/log/run", "agent/run", "agent/state"):
            _write(srv / path, self._files[f"/srv/{path}"])
        _write(srv / "smtpd/smtpd", SMTPD)
        _write(srv / "name", f"{name}\n")
        settled = f"mount --bind {srv} /srv && echo && exec sleep infinity"
        command = ["unshare", "-n", "-m", "--propagation", "private", "sh", "-c", settled]
        process = subprocess.Popen(command, env=self._environ, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"\n"
        (self._place / f"{name}.pid").write_text(f"{process.pid}\n")
        self.run(*f"ip link add v-{name} type veth peer name eth0 netns {process.pid}".split())
        self.run(*f"ip link set v-{name} master br0 up".split())
        address = f"ip link set lo up && ip addr add {MACHINES[name]}/24 dev eth0 && ip link set eth0 up"
        self.run("ssh", name, address)

    def begin(self) -> None:
        """Have all services run; wait until all balancers have all machines."""
        for name in MACHINES:
            with (self._place / f"{name}.log").open("wb") as log:
                subprocess.Popen(["ssh", name, "exec svscan /srv"], env=self._environ, stderr=log)
        for name in BALANCERS:
            with (self._place / f"{name}.log").open("wb") as log:
                directory = self._place / name
                subprocess.Popen(["./run"], cwd=directory, env=self._environ, stdout=log, stderr=log)
        for name in BALANCERS:
            sources = itertools.cycle(f"10.9.8.{number}" for number in range(2, 250))  # each is limited

            def seen(name: str = name, sources: Iterator[str] = sources) -> set[str]:
                return {self.ask(name, next(sources)) for _ in range(4)}

            wait_for(lambda: seen() >= set(MACHINES), self.log)

    def log(self) -> str:
        """Return what all have said."""
        return "\n".join(path.read_text() for path in sorted(self._place.glob("*.log")))

    def _make_balancer(self, name: str) -> None:
        directory = self._place / name
        run = self._files["/srv/haproxy/run"]
        words = {"ME=lb1": f"ME={name}", "OTHER=lb2": f"OTHER={OTHER[name]}", "10.9.0.1": BALANCERS[name]}
        for word, own in words.items():
            assert word in run
            run = run.replace(word, own)
        _write(directory / "run", run)
        _write(directory / "haproxy.cfg", self._files["/srv/haproxy/haproxy.cfg"])

    def connect(self, balancer: str, source: str = "10.9.8.1") -> socket.socket:
        """Connect to a balancer."""
        return socket.create_connection((BALANCERS[balancer], 25), PATIENCE, source_address=(source, 0))

    def ask(self, balancer: str, source: str = "10.9.8.1") -> str:
        """Return the machine that serves a client; empty if none does."""
        try:
            with self.connect(balancer, source) as client:
                return self.visit(client, source)
        except OSError:
            return ""

    def visit(self, client: socket.socket, source: str) -> str:
        """Talk to the handler; return its machine, empty if there is none."""
        client.sendall(b"a line\n")
        client.shutdown(socket.SHUT_WR)
        text = b""
        while block := client.recv(4096):
            text += block
        if not text:
            return ""
        greeting, _, rest = text.partition(b"\n")
        machine, ip, proxy = greeting.decode().split()
        assert (ip, rest) == (source, b"a line\n"), text
        assert proxy in BALANCERS.values()
        return machine

    def load(self, number: int, is_over: threading.Event) -> None:
        """Be one client after the other; note each that was not served as it should."""
        balancer, count = list(BALANCERS)[number % 2], 0
        while not is_over.is_set():
            source = f"10.9.8.{2 + (number * 50 + count) % 250}"
            count += 1
            try:
                with self.connect(balancer, source) as client:
                    machine = self.visit(client, source)
                with self._lock:
                    self.served[machine] += 1
            except Exception as error:
                self.failures.append(f"{time.monotonic():.3f} {balancer} {error!r}")
            is_over.wait(0.02)

    def pids(self) -> list[str]:
        """Return the lines that svstat prints of the machines' servers, up to the pid."""
        return [self.run("ssh", name, "svstat /srv/smtpd").partition(")")[0] for name in MACHINES]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def publish(fleet: Fleet, place: Path) -> None:
    """See that rules count everywhere from the next client on, and that faulty ones go nowhere."""
    rules = place / "rules"
    rules.mkdir(exist_ok=True)
    (rules / "rules").write_text("10.9.8.66:deny\n:allow\n")
    fleet.script("publish", "rules")
    assert [fleet.ask(name, "10.9.8.66") for name in BALANCERS for _ in range(2)] == [""] * 4
    (rules / "rules").write_text("10.9.8.66:denied\n")
    try:
        fleet.script("publish", "rules")
    except AssertionError:
        pass
    else:
        raise AssertionError("rules with a fault were published")
    assert fleet.ask("lb1", "10.9.8.66") == ""
    assert fleet.ask("lb1", "10.9.8.67")
    (rules / "rules").write_text("10.9.8.67:deny\n:allow\n")
    fleet.script("publish", "rules")
    assert all(fleet.ask("lb1", "10.9.8.66") and not fleet.ask("lb1", "10.9.8.67") for _ in range(4))
    (rules / "rules").write_text(":allow\n")
    fleet.script("publish", "rules")
    assert all(fleet.ask("lb1", "10.9.8.67") for _ in range(4))


def limits(fleet: Fleet) -> None:
    """See that one address comes 100 times in a minute at most, and has 20 connections on each balancer."""
    source, often = "10.9.9.2", "10.9.9.3"
    held: list[socket.socket] = []

    def hold(balancer: str) -> bool:
        try:
            client = fleet.connect(balancer, source)
        except ConnectionError:
            return False
        try:
            is_served = client.recv(1) != b""
        except ConnectionError:
            is_served = False
        if is_served:
            held.append(client)
        else:
            client.close()
        return is_served

    assert all(hold("lb1") for _ in range(20))
    assert not hold("lb1")
    assert hold("lb2")
    for client in held:
        client.close()
    wait_for(lambda: fleet.ask("lb1", source), "room")
    assert all(fleet.ask("lb1", often) for _ in range(60))
    time.sleep(1)  # what lb1 has counted gets to lb2
    served = [bool(fleet.ask("lb2", often)) for _ in range(60)]
    assert 40 <= sum(served) <= 41, served
    assert not fleet.ask("lb1", often)
    assert fleet.ask("lb1", "10.9.9.4")


def roll(fleet: Fleet) -> None:
    """Restart both machines under load: not one client is lost, nor one that stays connected meanwhile."""
    before = fleet.pids()
    is_over = threading.Event()
    clients = [threading.Thread(target=fleet.load, args=(number, is_over)) for number in range(4)]
    for client in clients:
        client.start()
    longer = [threading.Thread(target=stay, args=(fleet, number, is_over)) for number in range(4)]
    for client in longer:
        client.start()
    try:
        fleet.script("roll")
        after = fleet.pids()
        served = dict(fleet.served)
        wait_for(lambda: all(fleet.served[name] > served[name] + 5 for name in MACHINES), "both machines")
    finally:
        is_over.set()
        for client in [*clients, *longer]:
            client.join()
    assert not fleet.failures, fleet.failures
    assert all(
        "up (pid" in old and "up (pid" in new and old != new for old, new in zip(before, after, strict=True)
    )
    print(json.dumps(fleet.served), flush=True)


def stay(fleet: Fleet, number: int, is_over: threading.Event) -> None:
    """Be clients that stay connected for some seconds, and talk to the very end."""
    source = f"10.9.8.{240 + number}"
    while not is_over.is_set():
        try:
            with fleet.connect(list(BALANCERS)[number % 2], source) as client:
                for _ in range(30):
                    client.sendall(b"x")
                    is_over.wait(0.1)
                assert fleet.visit(client, source), "nobody"
        except AssertionError as error:
            if b"x" * 30 + b"a line" not in repr(error).encode():
                fleet.failures.append(f"long: {error!r}")
        except OSError as error:
            fleet.failures.append(f"long: {error!r}")


def collect(fleet: Fleet, place: Path) -> None:
    """See that the logs of both machines come together, and how many clients each has."""
    (place / "admin").mkdir()

    def is_complete() -> bool:
        # multilog finishes its file a moment after it was told.
        numbers = fleet.script("collect", "admin").splitlines()
        assert len(numbers) == len(MACHINES), numbers
        return all(len(collected(place / "admin", name)) >= fleet.served[name] > 0 for name in MACHINES)

    wait_for(is_complete, "all lines")
    for name in MACHINES:
        through = [event for event in collected(place / "admin", name) if "proxy_ip" in event]
        # Here both balancers have the same machine, and so may have the same address towards others.
        assert {event["proxy_ip"] for event in through} & set(BALANCERS.values())
        assert all(event["remote_ip"].startswith("10.9.") for event in through)


def collected(admin: Path, name: str) -> list[dict[str, str]]:
    """Return the events of clients that a machine has served, as far as they were collected."""
    logs = list((admin / "collected" / name).glob("@*.s"))
    lines = [line for log in logs for line in log.read_text().splitlines() if line.startswith("{")]
    return [event for event in map(json.loads, lines) if event["event"] == "ok"]


def main() -> None:
    """Walk through the page."""
    page, place, commands = map(Path, sys.argv[1:])

    fleet = Fleet(page, place, commands)
    (place / "rules").mkdir()
    (place / "rules" / "rules").write_text(":allow\n")
    fleet.script("publish", "rules")
    fleet.begin()
    steps: list[Callable[[], None]] = [lambda: publish(fleet, place), lambda: limits(fleet)]
    steps += [lambda: roll(fleet), lambda: collect(fleet, place)]
    for step in steps:
        begin = time.monotonic()
        step()
        print(f"{time.monotonic() - begin:.1f} s", flush=True)


if __name__ == "__main__":
    main()
