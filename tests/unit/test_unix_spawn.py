"""Both ways to start a handler keep one contract."""

import fcntl
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from tests.support.commands import signals
from tests.support.patience import PATIENCE
from tests.support.stalled_stderr import stalled_stderr
from ucspi.unix import native, spawn
from ucspi.unix.spawn import ForkSpawner, NativeSpawner, Program

pytestmark = pytest.mark.sampled(3)

if TYPE_CHECKING:
    from ucspi.unix.spawn import Spawner

Make = Callable[[Program], "Spawner"]


@pytest.fixture(params=["native", "fork"])
def make(request: pytest.FixtureRequest) -> Make:
    if request.param == "fork":
        return ForkSpawner
    if native.lib is None:
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
        theirs.settimeout(PATIENCE)
        text = b""
        while block := theirs.recv(4096):
            text += block
    return pid, text, os.waitpid(pid, 0)[1]


def test_handler_has_the_connection_on_0_and_1(make: Make) -> None:
    pid, text, status = talk(make(program("echo $$; exit 3")))
    assert text == b"%d\n" % pid
    assert status == 3 << 8


def test_handler_has_another_descriptor_on_1(make: Make) -> None:
    ours, theirs = os.pipe(), os.pipe()
    pid = make(program("cat; echo end")).spawn(ours[0], b"", b"", theirs[1])
    for given in (ours[0], theirs[1]):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(given)  # given away, and closed here
    os.write(ours[1], b"some\n")
    os.close(ours[1])
    with os.fdopen(theirs[0], "rb") as output:
        assert output.read() == b"some\nend\n"
    assert os.waitpid(pid, 0)[1] == 0


def test_handler_that_waits_for_its_log_keeps_both(make: Make) -> None:
    """It closes what is private before it writes to a log that has no room."""
    ours, theirs = os.pipe(), os.pipe()
    with stalled_stderr() as log:
        pid = make(program("cat")).spawn(ours[0], b"", b"a line\n", theirs[1])
        os.write(ours[1], b"some\n")
        os.close(ours[1])
        assert log.read(7) == b"a line\n"
        with os.fdopen(theirs[0], "rb") as output:
            assert output.read() == b"some\n"
    assert os.waitpid(pid, 0)[1] == 0


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
    spawner = make(program("echo $WHO"))
    with stalled_stderr() as stalled:
        started = {}
        for number in range(20):
            ours, theirs = socket.socketpair()
            who = b"%d" % number * (number + 1)  # of different lengths
            pid = spawner.spawn(ours.detach(), b"WHO=%s\0" % who, b"\0 is %s\n" % who)
            started[pid] = (who, theirs)
        wanted = b"".join(b"%d is %s\n" % (pid, who) for pid, (who, _) in started.items())
        text = stalled.read(len(wanted))
    assert sorted(text.splitlines()) == sorted(wanted.splitlines())
    for pid, (who, theirs) in started.items():
        theirs.settimeout(PATIENCE)
        with theirs:
            assert theirs.makefile("rb").read() == who + b"\n"
        assert os.waitpid(pid, 0)[1] == 0


def test_child_that_waits_for_the_log_keeps_nothing_of_ours_open(make: Make) -> None:
    """Else the port of a server that ended is taken as long as nobody reads its log."""
    listener = socket.create_server(("127.0.0.1", 0))
    place = listener.getsockname()
    other, others_client = socket.socketpair()  # of a client whose answers are not there yet
    what = program("echo served")
    what.listeners = [listener.fileno()]
    spawner = make(what)
    ours, theirs = socket.socketpair()
    with stalled_stderr() as log, theirs, others_client:
        pid = spawner.spawn(ours.detach(), b"", b"pid \0\n")
        listener.close()
        other.close()
        others_client.settimeout(PATIENCE)
        assert others_client.recv(1) == b""  # once nobody else has that end
        socket.create_server(place, reuse_port=False).close()
        assert os.waitpid(pid, os.WNOHANG) == (0, 0)
        wanted = b"pid %d\n" % pid
        assert log.read(len(wanted)) == wanted
        theirs.settimeout(PATIENCE)
        assert theirs.makefile("rb").read() == b"served\n"
        assert os.waitpid(pid, 0)[1] == 0


def test_child_closes_the_listeners_though_the_log_has_room(make: Make) -> None:
    """Descriptor 2 may be a file on a disk that hangs, of which nobody can tell."""
    reader, writer = os.pipe()  # in the place of a listener, for its other end tells
    what = program("exec sleep 20")
    os.set_inheritable(writer, True)
    what.listeners = [writer]
    ours, theirs = socket.socketpair()
    with theirs:
        pid = make(what).spawn(ours.detach(), b"", b"")
        os.close(writer)
        try:
            assert select.select([reader], [], [], 20)[0]
            assert os.read(reader, 1) == b""
        finally:
            os.close(reader)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@pytest.mark.parametrize("runs", [True, False])
def test_log_that_does_not_block_is_waited_for(make: Make, runs: bool) -> None:
    """Any handler that shares descriptor 2 can make it so."""
    what = program("echo handler >&2")
    if not runs:
        what = Program([b"x"], [b"/nonexistent/x"], [], b"cannot run x: ")
    spawner = make(what)
    ours, theirs = socket.socketpair()
    with stalled_stderr(blocking=False) as log, theirs:
        pid = spawner.spawn(ours.detach(), b"", b"pid \0\n")
        time.sleep(0.1)
        wanted = b"pid %d\n" % pid + (b"handler\n" if runs else b"cannot run x: file does not exist\n")
        assert log.read(len(wanted)) == wanted
        os.waitpid(pid, 0)


@pytest.mark.parametrize(
    "number", [signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT, signal.SIGUSR1, signal.SIGUSR2]
)
def test_caught_signal_that_comes_before_the_exec_is_the_handler_s(
    make: Make, number: signal.Signals
) -> None:
    before = signal.signal(number, lambda number, frame: None)
    try:
        spawner = make(program("exec sleep 20"))
        for _ in range(10):
            ours, theirs = socket.socketpair()
            with theirs:
                pid = spawner.spawn(ours.detach(), b"", b"")
                os.kill(pid, number)
                assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == number
    finally:
        signal.signal(number, before)


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


def test_connection_is_closed_though_there_is_no_memory_to_begin_with(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    spawner = make(program("true"))

    def refuse(*_: object) -> NoReturn:
        raise MemoryError

    monkeypatch.setattr(spawn, "hold", refuse)
    monkeypatch.setattr(NativeSpawner, "_keeps_score", refuse)
    ours, theirs = socket.socketpair()
    number = theirs.detach()
    with ours, pytest.raises(OSError, match="Cannot allocate memory"):
        spawner.spawn(number, b"", b"")
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
