"""A process and its children, as ``/proc`` shows them."""

import _signal
import os
from time import sleep

LOOKS = 10  # at a process that was told to stop, and has not yet
BETWEEN = 0.001  # seconds


def children(pid: int) -> list[int]:
    """Return the pids of a process's children; none when they cannot be found out."""
    try:
        tasks = os.listdir(b"/proc/%d/task" % pid)
        return [child for task in tasks for child in _children_of(b"/proc/%d/task/%s" % (pid, task))]
    except OSError:
        return [int(entry) for entry in _entries() if _stat(entry)[1:2] == [b"%d" % pid]]


def _children_of(task: bytes) -> list[int]:
    with open(task + b"/children", "rb", buffering=0) as file:
        return [int(word) for word in file.readall().split()]


def _entries() -> list[bytes]:
    try:
        return [entry for entry in os.listdir(b"/proc") if entry.isdigit()]
    except OSError:
        return []


def _stat(pid: bytes) -> list[bytes]:
    """Return state, parent and what follows; nothing when there is no such process."""
    try:
        with open(b"/proc/%s/stat" % pid, "rb", buffering=0) as file:
            text = file.readall()
    except OSError:
        return []
    return text[text.rindex(b")") + 1 :].split()  # the name may have blanks and parentheses


def kill(pid: int) -> None:
    """Kill a process's children, and then it.

    It is stopped first, or it might start another child in place of one that ended.
    """
    _send(pid, _signal.SIGSTOP)
    for _ in range(LOOKS):
        if _stat(b"%d" % pid)[:1] not in ([b"R"], [b"S"]):
            break
        sleep(BETWEEN)
    for child in children(pid):
        _send(child, _signal.SIGKILL)
    _send(pid, _signal.SIGKILL)


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        pass  # it has ended
