"""Lock files as daemontools has them: opened for writing, never truncated, locked with flock.

A lock belongs to the open file, so it lasts until everybody who inherited the
descriptor has closed it.  It is no fcntl lock: the two do not see each other.

Source: observed from the original supervise, multilog and setlock.
"""

import fcntl
import os

MODE = 0o600
# A process, or one of its descriptors, that has gone meanwhile or is none of our business.
_UNSEEN = (FileNotFoundError, ProcessLookupError, PermissionError)
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC


def open_file(path: bytes, directory: int | None = None, *, is_guarded: bool = False) -> int:
    """Open a lock file, made if need be, and return its descriptor, closed on exec.

    Args:
        path: relative to ``directory``, a descriptor, if that is given.
        is_guarded: refuse a link, and what is no plain file or another user can
            have put there; the path is a name then.

    Raises:
        UnsafeFileError: it was refused.
        OSError: it cannot be opened; ENXIO for a fifo that nobody reads, ELOOP for a link that was refused.
    """
    if not is_guarded:
        return os.open(path, _FLAGS, MODE, dir_fd=directory)
    from ucspi.unix import safeopen  # not for setlock

    return safeopen.open_file(path, _FLAGS, safeopen.PLAIN, directory, MODE)


def lock(number: int, *, wait: bool = False) -> None:
    """Lock an open file for us alone; ``wait`` for as long as somebody else has it.

    Raises:
        OSError: it cannot be locked; EAGAIN when somebody has it.
    """
    fcntl.flock(number, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def acquire(
    path: bytes, *, wait: bool = False, directory: int | None = None, is_guarded: bool = False
) -> int:
    """Open a lock file and lock it; return its descriptor, closed on exec.

    Args:
        path: relative to ``directory``, a descriptor, if that is given.
        wait: for as long as somebody else has the lock.
        is_guarded: see `open_file`.

    Raises:
        OSError: it cannot be opened or locked, EAGAIN when somebody has the
            lock; no descriptor is left open.
    """
    number = open_file(path, directory, is_guarded=is_guarded)
    try:
        lock(number, wait=wait)
    except BaseException:
        os.close(number)
        raise
    return number


def find_holder(number: int) -> int | None:
    """Return the pid of who has locked a file; None when nobody has, or this system does not tell.

    Args:
        number: a descriptor of the file, open in whatever way.

    Raises:
        OSError: we have not the means to find out: descriptors, memory.
    """
    found = os.fstat(number)
    this = b"%02x:%02x:%d" % (os.major(found.st_dev), os.minor(found.st_dev), found.st_ino)
    others: list[tuple[bool, int]] = []
    for line in _read_lines(b"/proc/locks"):
        words = line.split()  # NUMBER: FLOCK ADVISORY WRITE PID FILE FIRST LAST; those who wait have an arrow
        if words[1] == b"FLOCK" and int(words[4]) > 0:
            if words[5] == this:
                return int(words[4])
            others.append((not words[5].endswith(b":%d" % found.st_ino), int(words[4])))
    # On btrfs, overlayfs and the like the kernel names another device there than `stat`, or another inode.
    for _, pid in sorted(set(others)):
        if _has_locked(pid, found):
            return pid
    return None


def _has_locked(pid: int, found: os.stat_result) -> bool:
    """Return whether a process has a file open, and a lock on that very descriptor."""
    folder = b"/proc/%d/fd" % pid
    try:
        numbers = os.listdir(folder)
    except _UNSEEN:
        return False
    for number in numbers:
        try:
            if os.path.samestat(os.stat(folder + b"/" + number), found) and any(
                line.startswith(b"lock:") and b"FLOCK" in line
                for line in _read_lines(b"/proc/%d/fdinfo/%s" % (pid, number))
            ):
                return True
        except _UNSEEN:
            continue
    return False


def _read_lines(path: bytes) -> list[bytes]:
    """Return the lines of a file of the kernel's; none when it is gone, or none of our business."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall().splitlines()
    except _UNSEEN:
        return []
