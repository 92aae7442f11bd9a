"""A name server that never answers, an ident server that never does, and our tcpserver between them.

    unshare -n -m python -m tests.e2e.dead_names PLACE waiting
    unshare -n -m python -m tests.e2e.dead_names PLACE memory ROUNDS LIMIT...

In a network and mount namespace of its own.  The system's resolver is the real
one.  Fails with a traceback.
"""

import resource
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.namespace import settle
from tests.support.serving import Served, hold, read_all, serving

CLIENTS = 40
HOSTS = "127.0.0.1 localhost\n"  # the one client whose name needs no name server
KNOWN = "127.0.0.1"


@contextmanager
def deaf_servers() -> Iterator[None]:
    """Keep the ports of DNS and of ident, so that questions are taken and never answered."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as names,
        socket.create_server(("0.0.0.0", 113), backlog=4096),
    ):
        names.bind(("127.0.0.1", 53))
        yield


def silent(number: int) -> str:
    """Return the address of a client of whom nobody answers."""
    return f"127.0.9.{1 + number}"


def files(seconds: int) -> dict[str, str]:
    """Return the resolver's files: it waits so many seconds for an answer."""
    options = f"nameserver 127.0.0.1\noptions timeout:{seconds} attempts:1\n"
    return {"/etc/hosts": HOSTS, "/etc/resolv.conf": options}


def waiting(place: Path) -> None:
    """See that clients with a silent name server delay nobody else, and nothing else."""
    settle(place, files(25))
    with deaf_servers(), serving(place, ["-v", "-R", "-l0"], ["cat"]) as served:
        slow = [served.connect(silent(number)) for number in range(11)]
        served.wait_for(lambda lines: "tcpserver: status: 11/40" in lines)
        for _ in range(3):
            with hold(served, KNOWN):
                pass
        served.wait_for(lambda lines: sum(" end " in line for line in lines) == 3)  # they are reaped, too
        assert not any("127.0.9." in line for line in served.lines()), served.lines()
        begin = time.monotonic()
        assert served.stop() == 0
        assert time.monotonic() - begin < 10
        assert [read_all(client) for client in slow] == [b""] * 11


def memory(place: Path, rounds: int, limits: list[int]) -> None:
    """See that a server with little memory drops clients and lives."""
    settle(place, files(1))
    with deaf_servers():
        for limit in limits:
            for _ in range(rounds):
                dropped = one_round(place, limit)
                print(f"{limit}: {dropped} of {CLIENTS} dropped", flush=True)


def one_round(place: Path, limit: int) -> int:
    """Let all clients come at once, then others; return how many were dropped."""

    def few() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    options = ["-v", "-t1", "-l0", f"-c{CLIENTS}", "-b512", "--timeout-names=6"]
    with serving(place, options, ["sh", "-c", "echo in"], before=few) as served:
        clients = [served.connect(silent(number)) for number in range(CLIENTS)]
        texts = [read_all(client) for client in clients]
        for client in clients:
            client.close()
        idle = f"tcpserver: status: 0/{CLIENTS}"
        lines = served.wait_for(lambda lines: lines[-1] == idle and verdicts(lines) == CLIENTS)
        dropped = sum("dropping connection" in line for line in lines)
        assert texts.count(b"in\n") == CLIENTS - dropped, (texts, lines)
        normal(served)
        return dropped


def verdicts(lines: list[str]) -> int:
    """Return of how many clients there is a verdict, or why there is none."""
    return sum(" ok " in line or " dropping connection, " in line for line in lines)


def normal(served: Served) -> None:
    """See that the server serves as ever, once the pause after the trouble is over."""
    time.sleep(1.1)
    for _ in range(2):
        with served.connect(KNOWN) as client:
            assert read_all(client) == b"in\n", served.lines()


def main() -> None:
    """Run what the command line says."""
    place, what = Path(sys.argv[1]), sys.argv[2]
    if what == "waiting":
        waiting(place)
    else:
        memory(place, int(sys.argv[3]), [int(limit) for limit in sys.argv[4:]])


if __name__ == "__main__":
    main()
