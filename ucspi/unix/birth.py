"""Which process a pid meant: known for certain, or not at all.

A pid alone is used again.  A process is told from all others by its pid and
the time it started, in one boot of one kernel and one pid namespace.  A child
of `ucspi.unix.start` writes these down itself before it executes:

    BOOT-ID(36) NAMESPACE(20) MARK(34) PID(20) START(20)

each padded with spaces, one line of fixed length, so that it is replaced in
place by one write.  Whoever reads it later, `find`, gets a descriptor of that
very process or nothing.

All of this can be looked up and written down by anybody, about any process.
So a line counts only where nobody but we can have put it: the file and its
directory are our own, and nobody else may write to them.
"""

import errno
import os

from ucspi.unix.fds import is_readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_BOOT: "Final" = 36
_NUMBER: "Final" = 20
MARK: "Final" = 34  # bytes of a mark at most: two numbers of 64 bits in hexadecimal, and a colon
SIZE: "Final" = _BOOT + MARK + 3 * _NUMBER + 5  # bytes, with blanks and newline
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS_MAY_WRITE = 0o022
# Errors that say nothing about what was looked for: we have not the means to look.
EXHAUSTED: "Final" = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_HEADS: list[bytes] = []


def head(mark: bytes) -> bytes:
    """Return the first part of the line; empty where no ``/proc`` is."""
    if not _HEADS:
        _HEADS.append(_read_head())
    return _HEADS[0] and b"%s%-*s " % (_HEADS[0], MARK, mark[:MARK])


def _read_head() -> bytes:
    try:
        boot = _read(b"/proc/sys/kernel/random/boot_id").strip()
        namespace = os.readlink(b"/proc/self/ns/pid").strip(b"pid:[]")
    except OSError:
        return b""
    return b"%-*s %-*s " % (_BOOT, boot[:_BOOT], _NUMBER, namespace[:_NUMBER])


def write(fd: int, mark: bytes) -> None:
    """Write our own line to a descriptor of a file, not truncated before; silent when it cannot be done."""
    try:
        os.write(fd, b"%s%-*d %-*s\n" % (head(mark), _NUMBER, os.getpid(), _NUMBER, _start_time(b"self")))
    except OSError:
        pass


def find(name: bytes, mark: bytes, folder: int) -> tuple[int, int] | None:
    """Return the process that wrote its line into a file, if it still runs.

    Args:
        name: of the file.
        mark: what it was started with.
        folder: a descriptor of its directory.

    Returns:
        Its pid, and a descriptor of it (`os.pidfd_open`), which is the caller's
        to close; None when it has ended, when the file is missing, damaged, of
        another boot or not certainly ours, and when this system cannot tell.

    Raises:
        OSError: we have not the means to find out: descriptors, memory.
    """
    try:
        return _find(_read_ours(name, folder), head(mark))
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise
    except (ValueError, OverflowError, AttributeError):
        pass  # what stands there is no number, or no pid; or there is no `pidfd_open`
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
    """Return whether the descriptor's process started then, and lives.

    The pid may have gone to another between our opening the one and looking at
    the other, but not while the first lives: that is asked last.
    """
    return _start_time(pid) == start and not has_ended(process)


def has_ended(process: int) -> bool:
    """Return whether a descriptor's process has ended; one that nobody has reaped has, too."""
    return is_readable(process)


def _start_time(pid: bytes) -> bytes:
    """Return when a process started, in the kernel's ticks since the boot: field 22 of its ``stat``."""
    text = _read(b"/proc/%s/stat" % pid)
    return text[text.rindex(b")") :].split()[20]  # the name may have blanks and parentheses


def _read_ours(name: bytes, folder: int) -> bytes:
    fd = open_ours(name, folder)
    if fd < 0:
        return b""
    try:
        return os.read(fd, 4096)
    finally:
        os.close(fd)


def open_ours(name: bytes, folder: int) -> int:
    """Open a file to read it, but return -1 if another user may have made or replaced it.

    Raises:
        OSError: it cannot be opened; ELOOP for a link.
    """
    fd = os.open(name, _READ, dir_fd=folder)
    if _is_ours(folder) and _is_ours(fd):
        return fd
    os.close(fd)
    return -1


def _is_ours(fd: int) -> bool:
    found = os.fstat(fd)
    return found.st_uid == os.geteuid() and not found.st_mode & _OTHERS_MAY_WRITE


def _read(path: bytes) -> bytes:
    fd = os.open(path, _READ)
    try:
        return os.read(fd, 4096)
    finally:
        os.close(fd)
