"""Many clients that behave badly, while rules are replaced and signals arrive.

``UCSPI_SOAK`` says how many connections, 10,000 unless it is set.
"""

import os
import random
import signal
import socket
import struct
import threading
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

import ucspi.cdb
from tests.support.processes import descriptors
from tests.support.serving import Served, serving

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

CONNECTIONS = int(os.environ.get("UCSPI_SOAK", "10000"))
CLIENTS = 8
KINDS = ["allowed"] * 4 + ["denied"] * 2 + ["reset", "half", "vanish", "stall", "flood"]
RESET = struct.pack("ii", 1, 0)


def publish(path: Path, generation: int) -> None:
    """Replace the rules: 127.0.0.1 is told the generation, 127.0.0.2 is always denied."""
    with ucspi.cdb.create(path, fsync=False) as writer:
        writer.add(b"127.0.0.1", b"+GENERATION=%d\0" % generation)
        for number in range(generation % 50):
            writer.add(b"10.0.0.%d" % number, b"D\0")
        writer.add(b"127.0.0.2", b"D\0")


class Crowd:
    """Clients in threads, and what they saw."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.generation = 0  # published before any client that reads it
        self.wrong: list[str] = []
        self.kinds: Counter[str] = Counter()
        self._left = CONNECTIONS
        self._lock = threading.Lock()

    def run(self, seed: int) -> None:
        chance = random.Random(seed)
        while self._take():
            kind = chance.choice(
                ["allowed"] * 4 + ["denied"] * 2 + ["reset", "half", "vanish", "stall", "flood"]
            )
            try:
                getattr(self, "_" + kind)(chance)
            except (ConnectionResetError, BrokenPipeError):
                pass  # what was sent to a client that is cut off may come back so
            except Exception as error:
                self.wrong.append(f"{kind}: {error!r}")
            self.kinds[kind] += 1

    def _take(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left >= 0

    def _connect(self, source: str) -> socket.socket:
        return self.served.connect(source)

    def _allowed(self, chance: random.Random) -> None:
        before = self.generation
        with self._connect("127.0.0.1") as client:
            client.sendall(b"hello\n")
            client.shutdown(socket.SHUT_WR)
            generation, said = client.makefile("rb").read().split()
        # The server may be one replacement behind what was published meanwhile.
        if not before <= int(generation) <= self.generation + 1 or said != b"hello":
            self.wrong.append(f"{generation!r} between {before} and {self.generation}")

    def _denied(self, chance: random.Random) -> None:
        with self._connect("127.0.0.2") as client:
            if client.recv(100):
                self.wrong.append("a denied client got an answer")

    def _reset(self, chance: random.Random) -> None:
        client = self._connect("127.0.0.1")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        client.close()

    def _half(self, chance: random.Random) -> None:
        with self._connect("127.0.0.1") as client:
            client.shutdown(socket.SHUT_WR)
            client.makefile("rb").read()

    def _vanish(self, chance: random.Random) -> None:
        self._connect(chance.choice(["127.0.0.1", "127.0.0.2"])).close()

    def _stall(self, chance: random.Random) -> None:
        with self._connect("127.0.0.1") as client:
            client.settimeout(chance.random() / 50)
            try:
                client.recv(1)
                client.recv(1000)
            except TimeoutError:
                pass

    def _flood(self, chance: random.Random) -> None:
        with self._connect("127.0.0.1") as client:
            client.sendall(b"x" * chance.randrange(100_000))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def disturb(crowd: Crowd, rules: Path, threads: list[threading.Thread]) -> None:
    """Replace the rules and send harmless signals until the crowd is done."""
    chance = random.Random(0)
    while any(thread.is_alive() for thread in threads):
        publish(rules, crowd.generation + 1)
        crowd.generation += 1
        os.kill(crowd.served.process.pid, chance.choice([signal.SIGCHLD, signal.SIGCONT, signal.SIGWINCH]))
        threads[0].join(chance.random() / 20)


def check_counts(lines: list[str], limit: int) -> None:
    """Follow the status lines: each is one more or one less than the one before."""
    counts_shown = [line.split()[2] for line in lines if line.startswith("tcpserver: status: ")]
    counts = [int(text.partition("/")[0]) for text in counts_shown]
    assert counts[0] == counts[-1] == 0
    assert max(counts) <= limit
    jumps = [pair for pair in pairwise(counts) if abs(pair[0] - pair[1]) != 1]
    assert jumps == []


def memory(pid: int) -> int:
    """Return the resident pages of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1])


def test_soak(tmp_path: Path) -> None:
    rules = tmp_path / "rules.cdb"
    publish(rules, 0)
    handler = ["sh", "-c", "exec 2>/dev/null; echo $GENERATION; exec cat"]  # its own complaints would mix in
    with serving(tmp_path, ["-vHRl0", "-c20", "-x", "rules.cdb"], handler) as served:
        pid = served.process.pid
        Crowd(served)._allowed(random.Random(0))
        open_before, pages_before = descriptors(pid), memory(pid)
        crowd = Crowd(served)
        threads = [threading.Thread(target=crowd.run, args=(seed,)) for seed in range(CLIENTS)]
        for thread in threads:
            thread.start()
        disturb(crowd, rules, threads)
        assert crowd.wrong == []
        lines = served.wait_for(lambda lines: lines[-1:] == ["tcpserver: status: 0/20"])
        assert crowd.kinds.total() == CONNECTIONS
        check_counts(lines, 20)
        ends = Counter(line.split()[1] for line in lines if line.split()[1] in ("ok", "deny", "end"))
        assert ends["end"] == ends["ok"] + ends["deny"] == CONNECTIONS + 1
        assert not [line for line in lines if "warning" in line or "Traceback" in line]
        assert descriptors(pid) == open_before
        assert memory(pid) - pages_before < 2048, "pages of 4 KiB"
        assert Path(f"/proc/{pid}/task/{pid}/children").read_text() == ""
