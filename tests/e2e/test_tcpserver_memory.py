"""Being out of memory, at whatever step, costs the client in hand and never the server."""

import time
from pathlib import Path

import pytest

import ucspi.cdb
from tests.support.failing_steps import FIRST, fail, failing
from tests.support.patience import PATIENCE, wait_for
from tests.support.processes import descriptors
from tests.support.serving import Served, read_all, serving

pytestmark = pytest.mark.e2e

# Each fails once for want of memory when its name stands in the file "fails".
STEPS = {
    FIRST: "dropping connection, out of memory",
    "ucspi.tcp.server.census._add": "dropping connection, out of memory",
    "ucspi.tcp.server.clientlookups.ClientLookups.start": "dropping connection, out of memory",
    "ucspi.tcp.server.clientlookups.ClientLookups._failing": "dropping connection, out of memory",
    "ucspi.tcp.namelookups.NameLookups._send_waiting": "dropping connection, out of memory",
    "ucspi.tcp.server.admission.over_rule_limit": "dropping connection, out of memory",
    "ucspi.tcp.server.admission.variables": "dropping connection, out of memory",
    "ucspi.tcp.report.classic.ClassicReport.starting": "dropping connection, out of memory",
    "ucspi.tcp.names.reverse": "dropping connection, unable to look up names: out of memory",
}
# These fail in the loop itself, while a client is served.
TURNS = ["ucspi.tcp.server.handlers.Handlers.reap", "ucspi.tcp.server.loop.Server._turn"]


def greeted(served: Served) -> bytes:
    with served.connect() as client:
        return read_all(client)


def test_step_without_memory_drops_its_client_with_a_line(tmp_path: Path) -> None:
    with ucspi.cdb.create(tmp_path / "rules") as writer:
        writer.add(b"", b"")
    options = ["-v", "-Rl0", "-x", "rules", "--timeout-names=10"]
    command = failing(tmp_path, [step for step in STEPS if step != "ucspi.tcp.names.reverse"])
    with serving(tmp_path, options, ["echo", "hi"], command=command) as served:
        assert greeted(served) == b"hi\n"
        served.wait_for(lambda lines: lines[-1] == "tcpserver: status: 0/40")
        before = descriptors(served.process.pid)
        for number, (step, said) in enumerate(STEPS.items()):
            if step == "ucspi.tcp.names.reverse":
                continue
            fail(tmp_path, step)
            assert greeted(served) == b"", step
            lines = served.wait_for(
                lambda lines: sum("dropping" in line for line in lines) == number + 1  # noqa: B023
            )
            assert f"tcpserver: warning: {said}" in lines, step
            assert greeted(served) == b"hi\n", step
        served.wait_for(lambda lines: lines[-1] == "tcpserver: status: 0/40")
        wait_for(lambda: descriptors(served.process.pid) == before, "what was opened to be closed")
        assert served.stop() == 0


def test_look_up_without_memory_drops_its_client_with_a_line(tmp_path: Path) -> None:
    """It fails in the helper, which lives on."""
    step = "ucspi.tcp.names.reverse"
    with serving(tmp_path, ["-v", "-Rl0"], ["echo", "hi"], command=failing(tmp_path, [step])) as served:
        fail(tmp_path, step)
        assert greeted(served) == b""
        served.wait_for(lambda lines: f"tcpserver: warning: {STEPS[step]}" in lines)
        assert greeted(served) == b"hi\n"


@pytest.mark.parametrize("step", TURNS)
def test_turn_without_memory_leaves_nothing_undone(tmp_path: Path, step: str) -> None:
    with serving(tmp_path, ["-v", "-HRl0"], ["cat"], command=failing(tmp_path, [step])) as served:
        with served.connect() as client:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
            fail(tmp_path, step)
        lines = served.wait_for(lambda lines: "tcpserver: status: 0/40" in lines[3:])
        deadline = time.monotonic() + PATIENCE
        while not any("out of memory, pausing" in line for line in lines):
            assert time.monotonic() < deadline, lines
            with served.connect() as client:  # a turn of the loop
                client.sendall(b"x")
                assert client.recv(1) == b"x"
            lines = served.lines()
        with served.connect() as client:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
        ends = sum(" ok " in line for line in served.lines())
        served.wait_for(lambda lines: sum(" end " in line for line in lines) == ends)
        assert served.lines()[-1] == "tcpserver: status: 0/40"
        assert served.stop() == 0
