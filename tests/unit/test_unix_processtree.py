"""A process and its children, as the system shows them."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE, wait_for
from ucspi.service import birthrecord
from ucspi.unix import processtree

# A parent that would start another child at once.
PARENT = "while :; do sleep 1000; done"


@pytest.fixture
def parent() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(["/bin/sh", "-c", PARENT])
    yield process
    processtree.kill_with_children(process.pid)
    process.wait(PATIENCE)


def sleepers(parent: int) -> list[int]:
    """Return the pids of a parent's children that run sleep."""
    found = processtree.children(parent)
    return [pid for pid in found if Path(f"/proc/{pid}/comm").read_text() == "sleep\n"]


def test_children_are_known(parent: "subprocess.Popen[bytes]") -> None:
    wait_for(lambda: len(sleepers(parent.pid)) == 1, "the child")
    assert sleepers(parent.pid)[0] in processtree.children(parent.pid)
    assert parent.pid in processtree.children(os.getpid())


def test_children_are_known_where_the_kernel_does_not_list_them(
    parent: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_for(lambda: len(sleepers(parent.pid)) == 1, "the child")
    listed = processtree.children(parent.pid)

    def refuse(task: bytes) -> list[int]:
        raise FileNotFoundError

    monkeypatch.setattr(processtree, "_children_of", refuse)
    assert processtree.children(parent.pid) == listed


def test_children_are_killed_first_and_none_is_started_again(parent: "subprocess.Popen[bytes]") -> None:
    wait_for(lambda: len(sleepers(parent.pid)) == 1, "the child")
    child = os.pidfd_open(sleepers(parent.pid)[0])
    processtree.kill_with_children(parent.pid)
    assert parent.wait(PATIENCE) == -signal.SIGKILL
    wait_for(lambda: birthrecord.has_ended(child), "the child's end")
    os.close(child)


def test_nobody_is_no_trouble() -> None:
    gone = subprocess.Popen(["/bin/true"])
    gone.wait(PATIENCE)
    assert processtree.children(gone.pid) == []
    processtree.kill_with_children(gone.pid)
