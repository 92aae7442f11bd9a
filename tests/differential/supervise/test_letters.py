"""Letters of svc that 0.76 does not have: our supervise sends their signals, the original ignores them."""

from pathlib import Path

import pytest

from tests.differential.supervise.conftest import Make
from tests.support.commands import ours, run
from tests.support.oracles import Oracle
from tests.support.patience import wait_for

pytestmark = pytest.mark.sampled(3)

NOTING = """#!/usr/bin/env python3
import os, signal, sys
def note(number, frame):
    with open("caught", "a") as file:
        file.write(signal.Signals(number).name + "\\n")
for name in "QUIT", "USR1", "USR2", "WINCH", "ABRT", "HUP":
    signal.signal(getattr(signal, "SIG" + name), note)
with open("starts", "a") as file:
    file.write("started\\n")
while True:
    signal.pause()
"""
LETTERS = {"q": "SIGQUIT", "1": "SIGUSR1", "2": "SIGUSR2", "w": "SIGWINCH", "b": "SIGABRT"}


def caught(directory: Path) -> list[str]:
    path = directory / "caught"
    return path.read_text().split() if path.exists() else []


def test_each_letter_sends_its_signal(make: Make, mine: list[str]) -> None:
    service = make("x", NOTING).start(mine)
    service.wait_up()
    for count, (letter, name) in enumerate(LETTERS.items(), 1):
        assert run([*ours("svc"), f"-{letter}", "x"], service.directory.parent) == (0, b"", b"")
        wait_for(lambda: len(caught(service.directory)) == count, letter)  # noqa: B023 - it is over by then
        assert caught(service.directory)[-1] == name
    assert service.starts() == 1


@pytest.mark.parametrize("letter", LETTERS)
def test_what_is_down_gets_none_and_stays_down(make: Make, letter: str) -> None:
    service = make("x", NOTING, down=True).start(ours("supervise"))
    before = service.status()
    service.send(letter.encode())
    wait_for(service.has_heard, "it is read")
    assert service.status() == before
    assert service.starts() == 0


def test_default_action_ends_it_and_it_is_started_again(make: Make, mine: list[str]) -> None:
    service = make("x").start(mine)
    first = service.wait_up()
    service.send(b"1")
    assert service.wait_up(starts=2) != first


def test_original_supervise_ignores_them(make: Make, original: list[str]) -> None:
    service = make("x", NOTING).start(original)
    pid = service.wait_up()
    for letter in LETTERS:
        assert run([*ours("svc"), f"-{letter}", "x"], service.directory.parent) == (0, b"", b"")
    service.send(b"h")  # behind them, so they were read
    wait_for(lambda: caught(service.directory) == ["SIGHUP"], "only the last was sent on")
    assert service.pid() == pid


@pytest.mark.parametrize("letter", LETTERS)
def test_original_svc_refuses_them(tmp_path: Path, oracle: Oracle, letter: str) -> None:
    assert run([oracle("svc"), f"-{letter}", "x"], tmp_path)[0] == 100
