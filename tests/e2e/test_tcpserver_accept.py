"""Clients in a burst find room to wait; whatever accept(2) reports, the server goes on, and does not spin."""

import os
import signal
import socket
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.accept_errors import OF_ONE_CLIENT, OF_THE_SYSTEM
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE
from tests.support.processes import processor_time
from tests.support.serving import COMMAND, Served, read_all, serving

pytestmark = pytest.mark.e2e

# A server whose accept fails as the first argument says, and then works.
SCRIPT = """\
import errno, itertools, os, sys
from ucspi.tcp.server import door, doors
names, pause = sys.argv.pop(1).split(","), float(sys.argv.pop(1))
failures = iter(names) if names[-1] else itertools.cycle(names[:-1])
made = door.acceptor
def acceptor(*args, **options):
    accept = made(*args, **options)
    def failing():
        for name in failures:
            number = getattr(errno, name)
            raise OSError(number, os.strerror(number))
        return accept()
    return failing
door.acceptor, doors.PAUSE = acceptor, pause
from ucspi.programs.tcpserver import main
sys.exit(main())
"""


def failing(folder: Path, names: list[str], pause: float) -> tuple[str, ...]:
    script = folder / "failing.py"
    script.write_text(SCRIPT)
    return (sys.executable, str(script), ",".join(names), str(pause))


def test_client_is_served_after_every_errno_of_the_manual_page(tmp_path: Path) -> None:
    command = failing(tmp_path, OF_ONE_CLIENT + OF_THE_SYSTEM, 0.02)
    with serving(tmp_path, ["-vHRl0"], ["echo", "hi"], command=command) as served:
        with served.connect() as client:
            assert read_all(client) == b"hi\n"
        lines = served.wait_for(lambda lines: lines[-1:] == ["tcpserver: status: 0/40"] and len(lines) > 2)
        assert "tcpserver: warning: unable to accept, pausing: file descriptor not open" in lines
        assert not [line for line in lines if not line.startswith("tcpserver: ")]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["EPROTO", "EINVAL"])
def test_accept_that_fails_for_ever_does_not_spin(tmp_path: Path, name: str) -> None:
    command = failing(tmp_path, [name, ""], 1.0)
    with serving(tmp_path, ["-HRl0"], ["true"], command=command) as served, served.connect():
        served.wait_for(lambda lines: any("unable to accept, pausing: " in line for line in lines))
        before = processor_time(served.process.pid)
        time.sleep(1.5)
        assert processor_time(served.process.pid) - before < 0.3
        assert len(served.lines()) == 1
        assert served.stop() == 0


BURST = 64


def fill(served: Served, stack: ExitStack, seconds: float) -> list[socket.socket]:
    """Connect a burst of clients while the server stands still; return those for whom there is room."""
    os.kill(served.process.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, served.process.pid, os.WSTOPPED)  # until then it may still accept
    clients = []
    for _ in range(BURST):
        client = stack.enter_context(socket.socket())
        client.settimeout(seconds)
        try:
            client.connect(("127.0.0.1", served.port))
        except TimeoutError:
            break
        clients.append(client)
    os.kill(served.process.pid, signal.SIGCONT)
    return clients


def test_burst_of_clients_finds_room_at_once(tmp_path: Path) -> None:
    """A client for whom there is no room would try again without end, for nobody is accepted meanwhile."""
    with serving(tmp_path, ["-HRl0"], ["echo", "hi"]) as served, ExitStack() as stack:
        clients = fill(served, stack, PATIENCE)
        assert len(clients) == BURST
        assert {read_all(client) for client in clients} == {b"hi\n"}


@pytest.mark.oracle
@pytest.mark.parametrize("which", ["ours", "original"])
def test_backlog_that_was_asked_for_is_as_in_the_original(tmp_path: Path, oracle: Oracle, which: str) -> None:
    command = COMMAND if which == "ours" else (oracle("tcpserver"),)
    with serving(tmp_path, ["-HRl0", "-b5"], ["true"], command=command) as served, ExitStack() as stack:
        assert len(fill(served, stack, 0.3)) == 6


@pytest.mark.oracle
def test_original_leaves_a_part_of_a_burst_outside(tmp_path: Path, oracle: Oracle) -> None:
    with (
        serving(tmp_path, ["-HRl0"], ["true"], command=(oracle("tcpserver"),)) as served,
        ExitStack() as stack,
    ):
        assert len(fill(served, stack, 0.3)) == 21
