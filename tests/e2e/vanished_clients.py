"""Clients whose machine vanishes without a word, and an address that comes late.

    unshare -n -m python -m tests.e2e.vanished_clients PLACE

In a network and mount namespace of its own.  Fails with a traceback.
"""

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.support.namespace import settle
from tests.support.patience import PATIENCE, wait_for
from tests.support.processes import children
from tests.support.serving import Served, hold, serving

ELSEWHERE, LATE = "10.9.9.9", "10.8.8.8"
TCP_REPAIR = 19  # linux/tcp.h: a socket in this state is closed without a packet
KEEPALIVE = ["--keepalive", "1/1/2"]
ONE = ["-vHRl0", "-c1"]
# Reads a byte, answers it, and writes when a file tells it to, so that data waits for its acknowledgement.
WRITER = ["sh", "-c", "head -c1; while [ ! -e go ]; do sleep 0.05; done; echo more; exec cat"]


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, timeout=PATIENCE)


def vanish(clients: list[socket.socket]) -> None:
    """Let clients and their machine be gone: nothing is sent any more, and nothing answers."""
    for client in clients:
        client.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
        client.close()
    ip("addr", "del", f"{ELSEWHERE}/32", "dev", "lo")
    ip("route", "add", "blackhole", f"{ELSEWHERE}/32")


def has_ended(served: Served) -> bool:
    return any(line.startswith("tcpserver: end ") for line in served.lines())


def vanished(place: Path) -> None:
    """See that only --keepalive frees the slot, whether the handler reads or has written."""
    ip("addr", "add", f"{ELSEWHERE}/32", "dev", "lo")
    folders = [place / name for name in ("reads", "writes", "without")]
    choices = [([*ONE, *KEEPALIVE], ["cat"]), ([*ONE, *KEEPALIVE], WRITER), (ONE, ["cat"])]
    with ExitStack() as stack:
        servers = []
        for folder, (options, program) in zip(folders, choices, strict=True):
            folder.mkdir()
            servers.append(stack.enter_context(serving(folder, options, program)))
        vanish([hold(served, ELSEWHERE) for served in servers])
        (folders[1] / "go").touch()
        reads, writes, without = servers
        wait_for(lambda: has_ended(reads), lambda: str(reads.lines()))
        wait_for(lambda: has_ended(writes), lambda: str(writes.lines()))
        hold(reads).close()  # the slot is free
        assert not has_ended(without)
        for handler in children(without.process.pid):
            os.kill(handler, signal.SIGKILL)  # it would wait for its client for ever


def late_address(place: Path) -> None:
    """See that --free-bind listens on an address that the machine does not have yet."""
    place.joinpath("late").mkdir()
    options = [*ONE, "--free-bind", "--listen", f"{LATE}:7000"]
    with serving(place / "late", options, ["cat"]) as served:
        ip("addr", "add", f"{LATE}/32", "dev", "lo")
        with socket.create_connection((LATE, 7000), PATIENCE) as client:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
        assert served.process.poll() is None


def main() -> None:
    place = Path(sys.argv[1])
    settle(place, {})
    vanished(place)
    late_address(place)


if __name__ == "__main__":
    main()
