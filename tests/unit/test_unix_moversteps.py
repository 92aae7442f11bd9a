"""The steps that start the mover, without a server: what follows is executed, or else the link."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE, wait_for
from tests.support.serving import read_all
from ucspi.unix import mover, native
from ucspi.unix.chain import Chain, Plan, Step
from ucspi.unix.chainlayout import lay_out
from ucspi.unix.spawn import NativeSpawner, Program

pytestmark = pytest.mark.skipif(
    native.lib is None or not mover.is_there(), reason="the compiled module or the mover is not built"
)
CAT = Step(Plan(b"fixcrio", "USYS_COPIER", b"/bin/cat", [b"cat"], order=b"fixcr"), b"", [b"/bin/cat"])
FILTER = Step(Plan(b"delcr", "USYS_FILTER", b"delcr", [b"delcr"], order=b"delcr"), b"", [b"/nowhere/delcr"])
_FOREVER: list[object] = []


def spawner(*steps: Step) -> NativeSpawner:
    """Return one whose command, if it is executed, says so."""
    argv, paths = [b"echo", b"executed"], [b"/bin/echo"]
    one = NativeSpawner(Program(argv, paths, [b"A=b"], b"server: fatal: "))
    one._program.chain, kept = lay_out(Chain(list(steps), []), one._program.command)
    _FOREVER.append(kept)
    return one


@contextmanager
def spawned(one: NativeSpawner) -> Iterator[tuple[int, socket.socket]]:
    mine, its = socket.socketpair()
    mine.settimeout(PATIENCE)
    with mine:
        pid = one.spawn(its.detach(), b"B=c\0", b"")
        yield pid, mine


def answer(one: NativeSpawner, text: bytes = b"a\nb") -> tuple[bytes, int]:
    with spawned(one) as (pid, client):
        try:
            client.sendall(text)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # what is executed instead reads nothing
        return read_all(client), os.waitpid(pid, 0)[1]


def test_filter_ends_the_chain() -> None:
    assert answer(spawner(FILTER), b"a\r\nb") == (b"a\nb", 0)
    assert answer(spawner(CAT, FILTER), b"a\r\nb\n") == (b"a\r\nb\r\n", 0)


def test_program_is_behind_a_copier() -> None:
    assert answer(spawner(CAT)) == (b"a\r\nb", 0)
    assert answer(spawner(CAT, CAT, CAT)) == (b"a\r\nb", 0)


@pytest.mark.parametrize("content", [b"\x7fELF", b"no program"])
def test_link_is_executed_if_the_mover_cannot_be(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "mover"
    broken.write_bytes(content)
    broken.chmod(0o755)
    number = os.open(broken, os.O_PATH | os.O_CLOEXEC)
    monkeypatch.setattr(mover, "_OPENED", [number])
    assert answer(spawner(CAT)) == (b"executed\n", 0)
    assert answer(spawner(FILTER)) == (b"executed\n", 0)
    monkeypatch.setattr(mover, "_OPENED", [mover._open()])
    assert answer(spawner(CAT)) == (b"a\r\nb", 0)
    os.close(number)


def test_link_is_executed_without_descriptors_for_the_pipes() -> None:
    limits = Step(
        Plan(b"softlimit", "USYS_LIMITS", b"/bin/echo", [b"echo", b"cold"], limits=[(7, 5)]),
        b"",
        [b"/bin/echo"],
    )
    assert answer(spawner(limits, CAT)) == (b"cold\n", 0)


def test_killed_at_any_moment_it_harms_no_other() -> None:
    """Also while the copier still uses the memory that both have from the server."""
    one = spawner(CAT)
    for turn in range(200):
        with spawned(one) as (pid, _):
            time.sleep(turn % 20 * 0.00005)
            os.kill(pid, signal.SIGKILL if turn % 2 else signal.SIGTERM)
            os.waitpid(pid, 0)
        if turn % 20 == 0:
            assert answer(one) == (b"a\r\nb", 0)
    wait_for(lambda: not one.is_preparing(), "the last copier to execute")


def test_nothing_is_left_open_or_behind() -> None:
    one = spawner(CAT)
    answer(one)
    before = os.listdir("/proc/self/fd")
    children = Path("/proc/self/task", str(os.getpid()), "children").read_text()
    for _ in range(50):
        assert answer(one) == (b"a\r\nb", 0)
    assert os.listdir("/proc/self/fd") == before
    assert Path("/proc/self/task", str(os.getpid()), "children").read_text() == children


def test_descriptor_of_the_mover_is_behind_those_of_the_pipes() -> None:
    assert mover.descriptor() >= 16
    assert not os.get_inheritable(mover.descriptor())
