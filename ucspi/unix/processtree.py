"""A process and its children, as ``/proc`` shows them."""

import _signal
import os
from time import sleep

from ucspi.unix import procfiles

LOOKS = 10  # how often we look whether a process has stopped
BETWEEN = 0.001  # seconds between two looks


def children(pid: int) -> list[int]:
    """Return the pids of a process's children; an empty list when they cannot be found."""
    try:
        tasks = os.listdir(b"/proc/%d/task" % pid)
        return [child for task in tasks for child in _children_of(b"/proc/%d/task/%s" % (pid, task))]
    except OSError:
        return [int(entry) for entry in _entries() if _stat(entry)[1:2] == [b"%d" % pid]]


def _children_of(task: bytes) -> list[int]:
    return [int(word) for word in procfiles.read(task + b"/children").split()]


def _entries() -> list[bytes]:
    try:
        return [entry for entry in os.listdir(b"/proc") if entry.isdigit()]
    except OSError:
        return []


def _stat(pid: bytes) -> list[bytes]:
    """Return the fields of ``stat`` from the state on; an empty list when there is no such process."""
    try:
        return procfiles.stat_fields(pid)
    except OSError:
        return []


def kill_with_children(pid: int) -> None:
    """Kill a process's children, and then the process.

    The process is stopped first.  Otherwise it could start another child in the
    place of one that was killed.
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
