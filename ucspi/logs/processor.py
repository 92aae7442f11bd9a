"""Runs the processor: a shell command whose output replaces a finished file.

It reads the file from descriptor 0 and writes to descriptor 1.  Descriptor 4 is
what the last run wrote to 5.  The current directory is the log's.

Source: observed from the original multilog with strace.
"""

import fcntl
import os
from _signal import SIG_SETMASK, SIG_UNBLOCK, SIGALRM, SIGTERM, pthread_sigmask

from ucspi.unix import fds
from ucspi.unix import start as unix_start
from ucspi.unix.environ import inherited
from ucspi.unix.safeopen import open_inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

SHELL: "Final" = b"/bin/sh"
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_NONBLOCK | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC

# The processor's descriptors, in the order in which the original opens them.
_FILES = ((0, b"previous", _READ), (1, b"processed", _WRITE), (4, b"state", _READ), (5, b"newstate", _WRITE))
_ABOVE = 1 + max(number for number, _, _ in _FILES)

_HEARD = (SIGTERM, SIGALRM)  # blocked in multilog, but not in a processor


def open_files() -> list[int]:
    """Open the processor's files; return their descriptors, all above those that the processor will have.

    Raises:
        OSError: one cannot be opened; none is left open.
    """
    opened: list[int] = []
    try:
        for _, name, flags in _FILES:
            opened.append(_open_above(name, flags))
    except OSError:
        close_files(opened)
        raise
    return opened


def _open_above(name: bytes, flags: int) -> int:
    low = open_inside(name, flags, 0o644)
    try:
        number: int = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, _ABOVE)
    finally:
        fds.close(low)
    os.set_blocking(number, True)
    return number


def close_files(opened: list[int]) -> None:
    """Close what `open_files` returned."""
    for number in opened:
        fds.close(number)


def start(command: bytes, opened: list[int]) -> int:
    """Start a processor on its open files; return its pid.

    When the shell cannot be executed, the new process ends with 111.

    Raises:
        OSError: no process could be created.
    """
    setup = unix_start.ChildSetup(input=opened[0], output=opened[1], others=((opened[2], 4), (opened[3], 5)))
    before = pthread_sigmask(SIG_UNBLOCK, _HEARD)
    try:
        return unix_start.start([SHELL], [b"sh", b"-c", command], inherited(), setup)
    finally:
        pthread_sigmask(SIG_SETMASK, before)
