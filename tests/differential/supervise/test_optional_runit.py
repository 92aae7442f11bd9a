"""Optional files with the names of runit, and its programs on a service of ours."""

import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.differential.supervise.conftest import Make
from tests.support.commands import run
from tests.support.patience import wait_for
from tests.support.peers import Peer, fill, peer, wait_lines
from tests.support.supervised import Service

pytestmark = pytest.mark.sampled(12)

SLEEPING = "#!/bin/sh\necho $$ >> starts\nexec sleep 1000\n"
FINISH = '#!/bin/sh\necho "$@" >> ends\n'
WAITING = '#!/bin/sh\necho "$@" >> ends\nwhile ! test -e go; do sleep 0.05; done\n'

Both = Callable[..., tuple[Service, Peer]]


@pytest.fixture
def both(make: Make, mine: list[str], tmp_path: Path) -> Iterator[Both]:
    """Give a function that makes two services from the same files: one under ours, one under runsv."""
    peers: list[Peer] = []

    def pair(text: str, **files: str) -> tuple[Service, Peer]:
        one = make("mine/x", text)
        fill(one.directory, {"flag-finish-runit": "", "timeout-finish": "0", **files})
        peers.append(Peer(tmp_path / "theirs/x", text, files).start("runsv"))
        return one.start(mine), peers[-1]

    yield pair
    for one in peers:
        one.close()


def sv(letter: str, where: Path) -> str:
    """Have sv tell or ask a service; return what it prints."""
    return run([peer("sv"), "-w0", letter, str(where)], where)[1].decode()


def state(where: Path) -> str:
    """Return what ``sv status`` says, without pids, seconds and the path."""
    told = sv("status", where).split("; ")[0] + "; ".join(sv("status", where).split("; ")[1:])
    told = re.sub(r"\(pid \d+\) ", "", told)
    return re.sub(r"\d+s", "Ns", told.replace(str(where), "x").replace("; log", ""))


def wait_both(two: tuple[Service, Peer], name: str, count: int = 1) -> tuple[list[str], list[str]]:
    return wait_lines(two[0].directory / name, count), wait_lines(two[1].directory / name, count)


@pytest.mark.parametrize(
    "end", ["exit 0", "exit 7", "exit 255", "kill -KILL $$", "kill -HUP $$", "kill -USR2 $$"]
)
def test_arguments_of_finish(both: Both, end: str) -> None:
    two = both(f"#!/bin/sh\n{end}\n", finish=FINISH)
    mine, theirs = wait_both(two, "ends")
    assert mine[0].split()[:2] == theirs[0].split()


def test_sv_shows_our_service_as_it_shows_one_of_runsv(both: Both) -> None:
    """Its states: up, finishing, down; and what is wanted."""
    two = both(SLEEPING, finish=WAITING)
    wait_both(two, "starts")

    def agree(expected: str) -> None:
        for one in two:
            wait_for(lambda: state(one.directory).startswith(expected), lambda: state(one.directory))  # noqa: B023

    agree("run: x: Ns")
    for one in two:
        sv("down", one.directory)
    wait_both(two, "ends")
    agree("finish: x: Ns")
    for one in two:
        (one.directory / "go").touch()
    agree("down: x: Ns")
    for one in two:
        (one.directory / "go").unlink()
        sv("up", one.directory)
    wait_both(two, "starts", 2)
    agree("run: x: Ns")


def test_sv_sends_signals_to_our_service(make: Make, mine: list[str]) -> None:
    service = make("x", SLEEPING)
    fill(service.directory, {"finish": FINISH, "flag-finish-runit": ""})
    service.start(mine)
    for count, (letter, name) in enumerate([("1", "SIGUSR1"), ("quit", "SIGQUIT"), ("kill", "SIGKILL")], 1):
        wait_lines(service.directory / "starts", count)
        sv(letter, service.directory)
        number = int(wait_lines(service.directory / "ends", count)[-1].split()[1])
        assert number & 127 == getattr(signal, name)


def test_got_term(make: Make, mine: list[str]) -> None:
    """As sv says of a service that has not obeyed yet."""
    service = make("x", "#!/bin/sh\ntrap '' TERM\necho $$ >> starts\nwhile :; do sleep 0.1; done\n")
    fill(service.directory, {"timeout-kill": "0"})
    service.start(mine).wait_up()
    assert "got TERM" not in sv("status", service.directory)
    service.send(b"t")
    wait_for(lambda: "got TERM" in sv("status", service.directory), "sv says so")
    assert "want down" not in sv("status", service.directory)
    service.send(b"d")
    wait_for(lambda: "want down" in sv("status", service.directory), "sv says so")
    assert "got TERM" in sv("status", service.directory)
