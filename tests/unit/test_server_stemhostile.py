"""Stems that somebody has taken over: the server signals only its own children, and loses count of none."""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import standinstem
from tests.support.patience import PATIENCE, wait_for
from tests.support.processes import status
from tests.support.warmworld import World
from ucspi.tcp.server import stemkeeper, warmhandlers
from ucspi.tcp.server.keptpool import Kept
from ucspi.unix import native, stem
from ucspi.unix.stem import SLOTS, Stem, channels, is_child
from ucspi.unix.stemchannel import pack_base

pytestmark = [
    pytest.mark.sampled(3),
    pytest.mark.skipif(native.lib is None or standinstem.SYS_CLONE < 0, reason="there are no stems here"),
]
NOBODY = 65534
Make = Callable[..., World]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    """Make worlds with stems of a behaviour; stems are given up and started again sooner than usual."""
    monkeypatch.setattr(stem, "STUCK", 0.5)
    monkeypatch.setattr(warmhandlers, "STUCK", 0.5)
    monkeypatch.setattr(stemkeeper, "REST", 0.01)
    worlds = []

    def make(behaviour: str, keep: int = 1) -> World:
        worlds.append(World(tmp_path, behaviour, keep))
        return worlds[-1]

    yield make
    for one in worlds:
        one.finish()


@pytest.fixture
def signalled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give a list of the stems that were killed after they were reaped."""
    wrong: list[int] = []
    kill = Stem.kill

    def check(self: Stem) -> None:
        if not is_child(self.pid):
            wrong.append(self.pid)
        kill(self)

    monkeypatch.setattr(Stem, "kill", check)
    return wrong


def test_pid_of_another_handler_takes_no_client_out_of_the_count(world: Make) -> None:
    here = world("twice")
    here.handlers.begin()
    first = here.start()
    assert here.text(first).startswith(b"warm ")
    here.turn()
    second = here.start()
    here.until(lambda: here.failed)
    assert [connection for connection, _ in here.failed] == [second]
    here.close(first)
    here.until(lambda: here.ended)
    assert [connection for _, _, connection in here.ended] == [first]


def test_end_of_a_handler_counts_once(world: Make) -> None:
    """Two cells have the pid of one child, which nobody knew before it was reaped."""
    here = world("twice")
    here.handlers.begin()
    first, second = here.start(), here.start()
    assert here.text(first).startswith(b"warm ")
    one = here.stems.stems[0]
    wait_for(lambda: os.pread(one._cells, 8, 0)[4:] != bytes(4), "a second cell")
    here.close(first)
    os.waitid(os.P_PID, int.from_bytes(os.pread(one._cells, 4, 0), "little"), os.WEXITED | os.WNOWAIT)
    here.until(lambda: len(here.ended) + len(here.failed) == 2)
    assert [connection for _, _, connection in here.ended] == [first]
    assert [connection for connection, _ in here.failed] == [second]


def test_signal_that_is_owed_goes_to_no_stranger(world: Make, tmp_path: Path) -> None:
    here = world("hold")
    here.handlers.begin()
    (tmp_path / "hold").touch()
    connection = here.start()
    here.handlers.signal(signal.SIGTERM)
    command = ["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"]
    stranger = int(subprocess.run(command, capture_output=True, check=True).stdout)
    try:
        os.pwrite(here.stems.stems[0]._cells, stranger.to_bytes(4, "little"), 0)
        here.ended += here.handlers.lost()
        assert [(ended, each) for ended, _, each in here.ended] == [(stranger, connection)]
        assert status(stranger)["State"][0] in "SR"
        assert status(stranger)["SigPnd"] == status(stranger)["ShdPnd"] == "0" * 16
    finally:
        os.kill(stranger, signal.SIGKILL)


@pytest.mark.parametrize("behaviour", ["fail", "cold", "die", "good"])
def test_stem_that_was_reaped_gets_no_signal(
    world: Make,
    signalled: list[int],
    behaviour: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = world(behaviour)
    keeper = here.handlers._keeper
    if behaviour != "good":
        # Its last packet is heard when it has ended.
        monkeypatch.setattr(os, "waitpid", late(here, os.waitpid))
        monkeypatch.setattr(os, "waitid", late(here, os.waitid))
    here.handlers.begin()
    if behaviour == "good":
        one = here.stems.stems[0]
        one.kill()
        here.until(lambda: keeper.current not in (None, one))
    here.handlers.finish()
    assert signalled == []


def late(here: World, call: Any) -> Any:
    """Return a way to ask for the end of a process that first waits until there is one."""
    waitid = os.waitid

    def ask(*arguments: int) -> object:
        for each in here.stems.stems:
            if is_running(each.pid):
                waitid(os.P_PID, each.pid, os.WEXITED | os.WNOWAIT)
        return call(*arguments)

    def is_running(pid: int) -> bool:
        try:
            return waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:
            return False

    return ask


def test_stem_that_shuts_its_end_is_killed(world: Make) -> None:
    """Else the channel would be readable for ever, and the loop would not rest."""
    here = world("shut")
    here.handlers.begin()
    here.stems.behaviour = "good"
    here.until(lambda: here.handlers._keeper.current not in (None, here.stems.stems[0]))
    assert here.report.lines[0].startswith(b"warm pyhandler was killed by signal 9")
    assert here.text(here.start()).startswith(b"warm ")


def test_stem_that_never_stops_talking_is_killed(world: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    here = world("good")
    here.handlers.begin()
    heard = []

    def read(self: Stem) -> bytes:
        heard.append(self)
        assert len(heard) <= SLOTS, "the server listens for ever"
        return b"and"

    here.stems.stems[0]._theirs.send(b"word")
    with monkeypatch.context() as patch:
        patch.setattr(Stem, "read", read)
        here.handlers.turn(is_called=True)
    here.until(lambda: here.handlers._keeper.current not in (None, here.stems.stems[0]))


def test_stems_that_hang_are_started_ever_more_rarely(world: Make) -> None:
    """Whoever stops each of them delays clients, and shall do that to ever fewer of them."""
    here = world("deaf")
    here.handlers.begin()
    for number in range(3):
        here.until(lambda: here.handlers._keeper.current)
        here.start()
        here.until(lambda: len(here.stems.cold) == number + 1)  # noqa: B023
    assert here.handlers._keeper._rest >= 8 * stemkeeper.REST


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_cells_cannot_be_opened_by_the_user_of_the_stem() -> None:
    def start(variables: bytes, descriptors: list[int]) -> int:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.setresuid(NOBODY, NOBODY, NOBODY)
                os.pread(descriptors[1], 4, 0)
                os.open(f"/proc/self/fd/{descriptors[1]}", os.O_RDWR)
            except PermissionError:
                code = 0
            finally:
                os._exit(code)
        return pid

    one = Stem(start, pack_base([], []))
    try:
        assert os.waitpid(one.pid, 0)[1] == 0
    finally:
        one.leave()
        one.close()


def test_queue_of_a_dead_stem_is_not_waited_for() -> None:
    """Though whoever has a copy of its end makes that block."""
    one = Stem(lambda _variables, _descriptors: os.getpid(), pack_base([], []))
    there = socket.socket(fileno=os.dup(one._theirs.fileno()))
    try:
        ours, theirs = socket.socketpair()
        with ours:
            assert one.serve(theirs.detach(), "client", b"A=1\0", b"log")
            left = one.leftovers()
            os.close(next(left).descriptor)
            there.setblocking(True)
            rest: list[object] = []
            thread = threading.Thread(target=lambda: rest.extend((*left, "end")), daemon=True)
            thread.start()
            thread.join(PATIENCE)
            assert rest == ["end"]
    finally:
        there.close()
        one.close()


def test_process_that_does_not_count_gets_no_more_clients_than_it_may(world: Make) -> None:
    """Else one that a client has taken over would get all others."""
    here = world("good", 3)
    here.handlers.begin()
    pids = []
    for number in range(7):
        connection = here.start()
        pids.append(here.text(connection).split()[1])
        here.close(connection)
        here.until(lambda: len(here.ended) == number + 1)  # noqa: B023
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 1]


def test_descriptor_for_the_server_is_refused() -> None:
    """To close one may take as long as its sender likes."""
    ours, theirs = (socket.socket(fileno=end.detach()) for end in channels())
    with ours, theirs:
        try:
            ours.getsockopt(socket.SOL_SOCKET, 83)
        except OSError:
            pytest.skip("this kernel lets nobody refuse descriptors")
        with pytest.raises(PermissionError):
            socket.send_fds(theirs, [b"packet"], [0])
        theirs.send(b"packet")
        assert ours.recv(10) == b"packet"


def test_kept_process_cannot_send_over_its_channel(world: Make) -> None:
    here = world("good", 9)
    here.handlers.begin()
    kept = Kept(here.stems.stems[0])
    with socket.socket(fileno=os.dup(kept.theirs.fileno())) as there:
        with pytest.raises(BrokenPipeError):
            socket.send_fds(there, [b"packet"], [0])
        there.setblocking(True)
        assert kept.untaken() is None
    kept.leave()


def test_kept_process_that_closes_the_pipe_is_waited_for_in_peace(world: Make) -> None:
    here = world("good", 9)
    here.handlers.begin()
    connection = here.start()
    here.text(connection)
    here.clients[connection].sendall(b"silent")
    poll = here.handlers._keeper.epoll.poll
    wait_for(lambda: poll(0), "the end of the pipe")
    here.until(lambda: not poll(0))
    assert here.ended == []
    (kept,) = here.handlers._pool.by_pid.values()
    kept.kill()
    here.until(lambda: here.ended)
    assert [(status, each) for _, status, each in here.ended] == [(signal.SIGKILL, connection)]
