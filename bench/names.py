"""Connections per second with name look-ups, while 16 slow clients wait for names that no server knows.

In a network and mount namespace of its own, which needs root and util-linux.
There are two cases: all names but those of the slow clients are in /etc/hosts,
and the name server never answers (the original asks it for every client, and
waits a minute); or the name server answers about all but the slow clients.
"""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ratios import columns, compare, faster_by_rate, header, options
from servers import ORIGINAL, Load, both, compile_c

SLOW = 16
INSIDE = "BENCH_NAMES_PLACE"
PREPARE = """
ip link set lo up && mount --make-rprivate / || exit 111
for name in hosts resolv.conf nsswitch.conf; do mount --bind "$0/$name" /etc/$name || exit 111; done
exec "$@"
"""


@contextmanager
def slow(port: int) -> Iterator[None]:
    """Have some clients wait for their names."""
    with ExitStack() as stack:
        for number in range(SLOW):
            client = stack.enter_context(socket.socket())
            client.bind((f"127.0.9.{1 + number}", 0))
            client.connect(("127.0.0.1", port))
        yield


class LoadBesideSlow(Load):
    """Loads a server that has slow clients too."""

    def __init__(self, load: Path, port: int, count: int, clients: int) -> None:
        """Take what `Load` takes."""
        super().__init__(load, port, count, clients, 6)
        self._port = port

    def __call__(self) -> float:
        """Return connections per second of the others."""
        with slow(self._port):
            return super().__call__()


@contextmanager
def name_server(place: Path, *manner: str) -> Iterator[None]:
    """Run the name server."""
    server = subprocess.Popen([place / "names", *manner], stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        if server.stdout.readline() != b"ready\n":
            raise SystemExit("no name server")
        yield
    finally:
        server.terminate()
        server.wait(10)


def measure(place: Path, *, quick: bool, rounds: int) -> None:
    """Measure both cases; runs inside the namespaces."""
    count = 64 if quick else 2000
    line = ["-1Rl0", "-c2000", "127.0.0.1", "0", str(place / "six")]
    hosts = "".join(f"127.0.0.{number} client{number}.test\n" for number in range(1, 201))
    if not quick:
        Path("/etc/hosts").write_text(hosts)
        with name_server(place, "silent"), both(line) as ports:
            ours = LoadBesideSlow(place / "load", ports[0], count, 16)
            peer = LoadBesideSlow(place / "load", ports[1], 16, 16)  # a minute for each
            compare("names in /etc/hosts, silent name server", ours, peer, 1, faster_by_rate)
        Path("/etc/hosts").write_text("")
    with name_server(place), both(line) as ports:
        for clients in (1, 16):
            sides = [LoadBesideSlow(place / "load", port, count, clients) for port in ports]
            compare(f"names by DNS, {clients} at once", sides[0], sides[1], rounds, faster_by_rate)


def prepare(place: Path) -> list[str]:
    """Make what the namespaces need, and return the command that enters them."""
    for source in ("load.c", "six.c", "names.c"):
        compile_c(source, place)
    (place / "hosts").write_text("")
    (place / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    (place / "nsswitch.conf").write_text("hosts: files dns\n")
    # Handlers of the original that wait for a name outlive it, but not its process namespace.
    spaces = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]
    script = str(Path(__file__).resolve())
    return [*spaces, "sh", "-c", PREPARE, str(place), sys.executable, script, *sys.argv[1:]]


def main() -> None:
    arguments = options(__doc__ or "")
    inside = os.environ.get(INSIDE)
    if inside:
        measure(Path(inside), quick=arguments.quick, rounds=arguments.rounds)
        return
    header([f"{ORIGINAL} (ucspi-tcp 0.88)"])
    if os.geteuid() != 0:
        print("Not measured: only root can make a network of its own.")
        return
    columns("connections/s", faster_by_rate)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        subprocess.run(prepare(place), env={**os.environ, INSIDE: name}, check=True, timeout=600)


if __name__ == "__main__":
    os.chdir("/")
    main()
