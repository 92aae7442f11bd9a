"""Both ways to start a handler keep one contract."""

import fcntl
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.commands import signals
from ucspi.unix import _native
from ucspi.unix.spawn import ForkSpawner, NativeSpawner, Program

if TYPE_CHECKING:
    from ucspi.unix.spawn import Spawner

Make = Callable[[Program], "Spawner"]


@pytest.fixture(params=["native", "fork"])
def make(request: pytest.FixtureRequest) -> Make:
    if request.param == "fork":
        return ForkSpawner
    if _native.lib is None:
        pytest.skip("the compiled module is not built")
    return NativeSpawner


def program(script: str, *, environ: tuple[bytes, ...] = (), complaint: bytes = b"") -> Program:
    return Program(
        [b"sh", b"-c", script.encode()], [b"/nonexistent/sh", b"/bin/sh"], list(environ), complaint
    )


def talk(spawner: "Spawner", variables: bytes = b"", log: bytes = b"") -> tuple[int, bytes, int]:
    """Start a handler on one end of a pair; return its pid, what it wrote, its wait status."""
    ours, theirs = socket.socketpair()
    with theirs:
        descriptor = ours.detach()
        pid = spawner.spawn(descriptor, variables, log)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)  # given away, and closed here
        theirs.settimeout(20)
        text = b""
        while block := theirs.recv(4096):
            text += block
    return pid, text, os.waitpid(pid, 0)[1]


def test_handler_has_the_connection_on_0_and_1(make: Make) -> None:
    pid, text, status = talk(make(program("echo $$; exit 3")))
    assert text == b"%d\n" % pid
    assert status == 3 << 8


def test_variables_replace_inherited_ones_of_the_same_name(make: Make) -> None:
    inherited = (b"A=old", b"AB=kept", b"B=kept")
    spawner = make(program("echo $A,$AB,$B,$C", environ=inherited))
    assert talk(spawner, b"A=new\0C=c=c\0")[1] == b"new,kept,kept,c=c\n"
    assert talk(spawner)[1] == b"old,kept,kept,\n"


def test_variable_gets_the_pid_of_its_handler(make: Make) -> None:
    inherited = [b"PID=", b"OTHER=kept"]
    command = [b"sh", b"-c", b"echo $$,$PID,$OTHER"]
    spawner = make(Program(command, [b"/bin/sh"], inherited, b"", b"PID="))
    for _ in range(3):
        pid, text, _ = talk(spawner, b"A=\0PID=\0B=\0")
        assert text == b"%d,%d,kept\n" % (pid, pid)
    assert talk(spawner, b"PID=given\0")[1].endswith(b",given,kept\n")
    assert talk(spawner)[1].endswith(b",,kept\n")  # an inherited one is left alone


def test_log_comes_before_what_the_handler_writes(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    pid, _, _ = talk(make(program("echo handler >&2")), log=b"pid \0 from\nok \0 end\n")
    assert capfd.readouterr().err == f"pid {pid} from\nok {pid} end\nhandler\n"


def test_failed_exec_is_reported_and_ends_with_111(
    make: Make, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    missing = Program([b"x"], [b"/nonexistent/x"], [], b"cannot run x: ")
    denied = Program([b"x"], [bytes(plain), b"/nonexistent/x"], [], b"cannot run x: ")
    assert talk(make(missing))[2] == 111 << 8
    assert talk(make(denied))[2] == 111 << 8
    assert capfd.readouterr().err == "cannot run x: file does not exist\ncannot run x: access denied\n"


def test_failed_exec_is_silent_without_a_complaint(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    assert talk(make(Program([b"x"], [b"/nonexistent/x"], [], b"")))[2] == 111 << 8
    assert capfd.readouterr().err == ""


def test_handler_inherits_what_we_inherited_and_nothing_that_we_opened(make: Make) -> None:
    opened = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, 200)
    given = fcntl.fcntl(0, fcntl.F_DUPFD, 220)
    _, text, _ = talk(make(program("ls /proc/self/fd")))
    os.close(opened)
    os.close(given)
    assert b"%d" % given in text.split()
    assert b"%d" % opened not in text.split()


def test_python_s_ignored_signals_are_the_default_again(make: Make) -> None:
    _, text, _ = talk(make(program("grep -E 'SigIgn|SigBlk' /proc/self/status")))
    names, masks = text.split()[::2], text.split()[1::2]
    assert (names, [signals(mask) for mask in masks]) == ([b"SigBlk:", b"SigIgn:"], [0, 0])


def test_children_that_prepare_together_do_not_mix_what_they_were_given(make: Make) -> None:
    """Each is held up at its first line, by a full stderr, until all have been started."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    spawner = make(program("echo $WHO"))
    kept = os.dup(2)
    os.dup2(writer, 2)
    try:
        os.write(2, b"." * 4096)
        started = {}
        for number in range(20):
            ours, theirs = socket.socketpair()
            who = b"%d" % number * (number + 1)  # of different lengths
            pid = spawner.spawn(ours.detach(), b"WHO=%s\0" % who, b"\0 is %s\n" % who)
            started[pid] = (who, theirs)
        os.set_blocking(reader, False)
        wanted = b"".join(b"%d is %s\n" % (pid, who) for pid, (who, _) in started.items())
        text = read_until(reader, len(b"." * 4096 + wanted))
    finally:
        os.dup2(kept, 2)
        for descriptor in (kept, reader, writer):
            os.close(descriptor)
    assert sorted(text.strip(b".").splitlines()) == sorted(wanted.splitlines())
    for pid, (who, theirs) in started.items():
        theirs.settimeout(20)
        with theirs:
            assert theirs.makefile("rb").read() == who + b"\n"
        assert os.waitpid(pid, 0)[1] == 0


def read_until(reader: int, length: int) -> bytes:
    deadline = time.monotonic() + 20
    text = b""
    while len(text) < length:
        assert time.monotonic() < deadline, text
        select.select([reader], [], [], 1)
        try:
            text += os.read(reader, 65536)
        except BlockingIOError:
            continue
    return text


def test_term_that_comes_before_the_exec_ends_the_handler(make: Make) -> None:
    spawner = make(program("exec sleep 20"))
    for _ in range(20):
        ours, theirs = socket.socketpair()
        with theirs:
            pid = spawner.spawn(ours.detach(), b"", b"")
            os.kill(pid, signal.SIGTERM)
            assert os.waitpid(pid, 0)[1] == signal.SIGTERM


def test_odd_entries_of_the_environment_do_not_keep_a_handler_from_running(make: Make) -> None:
    odd = (b"", b"=nameless", b"NOEQ", b"A=1")
    assert talk(make(program("echo $A", environ=odd)))[1] == b"1\n"
