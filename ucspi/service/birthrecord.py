"""The file ``supervise/birth``: which process a supervisor started, known for certain or not at all.

The kernel gives a pid to another process once the first has been reaped.  So a
process is told from all others by its pid and its start time, in one boot of
one kernel and in one pid namespace.  The started child writes these itself
before it executes (`ucspi.unix.start.PidLine`):

    BOOT-ID(36) NAMESPACE(20) MARK(34) PID(20) START(20)

Each field is padded with spaces.  It is one line of fixed length, so one write
replaces it in place.  Whoever reads it later, by `find`, gets a descriptor of
that very process or nothing.

The child holds a copy of the supervisor's lock until it executes.  So whoever
gets the lock after a killed supervisor finds the line, or nothing was started.

Anybody can look up these facts about any process.  So a line counts only if
nobody but our own user can have written it: the file and its directory are
ours, and nobody else may write to them.
"""

import os

from ucspi.unix import procfiles, safeopen
from ucspi.unix.fds import EXHAUSTED, is_readable
from ucspi.unix.start import PID_LINE_TAIL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_BOOT: "Final" = 36
_NAMESPACE: "Final" = 20
MARK: "Final" = 34  # bytes of a mark at most: two numbers of 64 bits in hexadecimal, and a colon
SIZE: "Final" = _BOOT + _NAMESPACE + MARK + 3 + PID_LINE_TAIL  # bytes, with blanks and newline
_HEADS: list[bytes] = []


def head(mark: bytes) -> bytes:
    """Return the first part of the line; empty on a system without ``/proc``."""
    if not _HEADS:
        _HEADS.append(_read_head())
    return _HEADS[0] and b"%s%-*s " % (_HEADS[0], MARK, mark[:MARK])


def of_finish(mark: bytes) -> bytes:
    """Return the mark of a ``finish``: nobody takes it for the process of the service."""
    return mark + b"+"


def _read_head() -> bytes:
    try:
        boot = procfiles.read(b"/proc/sys/kernel/random/boot_id").strip()
        namespace = os.readlink(b"/proc/self/ns/pid").strip(b"pid:[]")
    except OSError:
        return b""
    return b"%-*s %-*s " % (_BOOT, boot[:_BOOT], _NAMESPACE, namespace[:_NAMESPACE])


def find(name: bytes, mark: bytes, folder: int) -> tuple[int, int] | None:
    """Return the process that wrote its line into a file, if it still runs.

    Args:
        name: of the file.
        mark: the mark it was started with.
        folder: a descriptor of the file's directory.

    Returns:
        Its pid, and a descriptor of it (`os.pidfd_open`), which the caller has
        to close.  None when it has ended; when the file is missing, damaged, of
        another boot or not certainly ours; and when this system cannot tell.

    Raises:
        OSError: we lack the means to find out: descriptors, memory.
    """
    try:
        return _find(_read_own(name, folder), head(mark))
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise
    except (ValueError, OverflowError, AttributeError):
        pass  # what stands there is no number or no pid, or there is no `pidfd_open`
    return None


def _find(line: bytes, begin: bytes) -> tuple[int, int] | None:
    if len(line) != SIZE or not begin or not line.startswith(begin):
        return None
    pid, start = line[len(begin) :].split()
    process = os.pidfd_open(int(pid))
    try:
        if _is_running(process, pid, start):
            found, process = process, -1
            return int(pid), found
    finally:
        if process >= 0:
            os.close(process)
    return None


def _is_running(process: int, pid: bytes, start: bytes) -> bool:
    """Return whether the process of a descriptor started at that time, and still runs.

    The pid may have passed to another process after the descriptor was opened,
    but not while the first process lives.  So that is asked last.
    """
    return procfiles.start_time(pid) == start and not has_ended(process)


def has_ended(process: int) -> bool:
    """Return whether the process of a descriptor has ended, reaped or not."""
    return is_readable(process)


def _read_own(name: bytes, folder: int) -> bytes:
    fd = safeopen.open_own(name, folder)
    if fd < 0:
        return b""
    try:
        return os.read(fd, 4096)
    finally:
        os.close(fd)
