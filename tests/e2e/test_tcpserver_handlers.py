"""Handlers that cannot be started, or die badly; and a server that is stopped, or whose clock jumps."""

import os
import resource
import signal
import sys
import time
from pathlib import Path

import pytest

import ucspi.cdb
from tests.support.oracles import find_oracle
from tests.support.patience import PATIENCE
from tests.support.processes import processor_time
from tests.support.serving import COMMAND, hold, read_all, serving

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(3)]

NOBODY_ELSE = ("-u61237", "-g61237")  # a user with no other process


def two_processes() -> None:
    resource.setrlimit(resource.RLIMIT_NPROC, (2, 2))  # binds who is not root: the server, and one more


def commands() -> list[tuple[str, ...]]:
    original = find_oracle("tcpserver")
    return [COMMAND, (original,)] if original else [COMMAND]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user with no process")
@pytest.mark.parametrize("command", commands(), ids=["ours", "original"][: len(commands())])
def test_out_of_processes_the_client_in_hand_is_dropped(tmp_path: Path, command: tuple[str, ...]) -> None:
    options = ["-vHRl0", *NOBODY_ELSE]
    with serving(tmp_path, options, ["cat"], before=two_processes, command=command) as served:
        with served.connect() as first:
            first.sendall(b"x")
            assert first.recv(1) == b"x"
            with served.connect() as second:
                assert read_all(second) == b""
            lines = served.wait_for(lambda lines: lines[-1].endswith("status: 1/40") and len(lines) > 4)
            assert lines[-3:] == [
                "tcpserver: status: 2/40",
                "tcpserver: warning: dropping connection, unable to fork: temporary failure",
                "tcpserver: status: 1/40",
            ]
        served.wait_for(lambda lines: lines[-1].endswith("status: 0/40"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user with no process")
def test_out_of_processes_it_accepts_again_after_a_second(tmp_path: Path) -> None:
    with serving(tmp_path, ["-vHRl0", *NOBODY_ELSE], ["cat"], before=two_processes) as served:
        with hold(served):
            started = time.monotonic()
            with served.connect() as dropped:
                assert read_all(dropped) == b""
            spent = processor_time(served.process.pid)
            with served.connect() as waits:  # in the backlog, until the pause is over
                assert read_all(waits) == b""
            assert time.monotonic() - started >= 1
            assert processor_time(served.process.pid) - spent < 0.3
        served.wait_for(lambda lines: lines[-1].endswith("status: 0/40"))


LONG_PAUSE = """\
import sys
from ucspi.tcp.server import doors
doors.PAUSE = 3600.0
from ucspi.programs.tcpserver import main
sys.exit(main())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user with no process")
def test_out_of_processes_it_accepts_again_when_a_handler_ends(tmp_path: Path) -> None:
    script = tmp_path / "patient.py"
    script.write_text(LONG_PAUSE)
    command = (sys.executable, str(script))
    with serving(
        tmp_path, ["-vHRl0", *NOBODY_ELSE], ["cat"], before=two_processes, command=command
    ) as served:
        with hold(served), served.connect() as dropped:
            assert read_all(dropped) == b""
        hold(served).close()
        served.wait_for(lambda lines: lines[-1].endswith("status: 0/40"))


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        (None, 0, "file does not exist"),
        ("#!/bin/sh\n", 0o644, "access denied"),
        ("", 0o644, "access denied"),
        ("no format\n", 0o755, "exec format error"),
        ("#!/no/such/interpreter\n", 0o755, "file does not exist"),
    ],
)
def test_handler_that_is_no_program_costs_that_client_alone(
    tmp_path: Path, text: str | None, mode: int, why: str
) -> None:
    handler = tmp_path / "handler"
    if text is not None:
        handler.write_text(text)
        handler.chmod(mode)
    with serving(tmp_path, ["-HRl0"], ["./handler"]) as served:
        for _ in range(2):
            with served.connect() as client:
                assert read_all(client) == b""
        line = f"tcpserver: warning: dropping connection, unable to run ./handler: {why}"
        served.wait_for(lambda lines: lines == [line] * 2)
        (tmp_path / "new").write_text("#!/bin/sh\necho hi\n")
        (tmp_path / "new").chmod(0o755)
        (tmp_path / "new").rename(handler)
        with served.connect() as client:
            assert read_all(client) == b"hi\n"


def raw_status(argv: list[str], folder: Path) -> int:
    """Run a program, and return what wait(2) says of its end."""
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", 'cd "$1"; shift; exec "$@"', "sh", str(folder), *argv], {})
    return os.waitpid(pid, 0)[1]


@pytest.mark.parametrize("limit", ["unlimited", "0"])
def test_handler_that_dumps_core_is_told_with_its_raw_status(tmp_path: Path, limit: str) -> None:
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if limit != "0" and hard != resource.RLIM_INFINITY:
        pytest.skip("no core may be dumped here")
    handler = ["/bin/sh", "-c", f"ulimit -c {limit}; kill -SEGV $$"]
    expected = raw_status(handler, tmp_path)
    assert expected & 0x7F == signal.SIGSEGV
    with serving(tmp_path, ["-vHRl0"], handler) as served:
        with served.connect() as client:
            assert read_all(client) == b""
        lines = served.wait_for(lambda lines: any(" end " in line for line in lines))
        assert [line.split(" status ")[1] for line in lines if " end " in line] == [str(expected)]
        assert lines[-1] == "tcpserver: status: 0/40"
        assert served.process.poll() is None


def test_stopped_server_goes_on_where_it_was(tmp_path: Path) -> None:
    with serving(tmp_path, ["-vHRl0"], ["cat"]) as served:
        before = served.connect()
        before.sendall(b"x")
        assert before.recv(1) == b"x"
        served.process.send_signal(signal.SIGSTOP)
        during = served.connect()  # the system completes it
        during.sendall(b"y")
        before.close()  # its handler ends, and cannot be reaped
        during.settimeout(0.3)
        with pytest.raises(TimeoutError):
            during.recv(1)
        served.process.send_signal(signal.SIGCONT)
        during.settimeout(PATIENCE)
        assert during.recv(1) == b"y"
        during.close()
        lines = served.wait_for(lambda lines: sum(" end " in line for line in lines) == 2)
        assert lines[-1] == "tcpserver: status: 0/40"


BACKWARDS = """\
import sys, time
now = [2e9]
def back():
    now[0] -= 3600.0
    return now[0]
time.time, time.time_ns = back, lambda: int(back() * 1e9)
from ucspi.programs.tcpserver import main
sys.exit(main())
"""


def test_clock_that_is_set_back_changes_nothing(tmp_path: Path) -> None:
    script = tmp_path / "backwards.py"
    script.write_text(BACKWARDS)
    options = ["-l0", "-R", "-xrules.cdb", "--drain=0", "--timeout-names=5"]
    rules = tmp_path / "rules.cdb"
    handler = ["sh", "-c", "echo $N; cat"]
    with ucspi.cdb.create(rules) as writer:
        writer.add(b"", b"+N=0\0")
    with serving(tmp_path, options, handler, command=(sys.executable, str(script))) as served:
        for number in range(5):
            with ucspi.cdb.create(rules) as writer:
                writer.add(b"", b"+N=%d\0" % number)
            with served.connect() as client:
                assert client.recv(10) == b"%d\n" % number
        with served.connect() as last:
            last.recv(10)
            assert served.stop() == 0  # drain has its times too
        assert served.lines() == []
