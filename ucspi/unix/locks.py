"""Lock files as daemontools has them: opened for writing, never truncated, locked with flock.

A lock belongs to the open file, so it lasts until everybody who inherited the
descriptor has closed it.  It is no fcntl lock: the two do not see each other.

Source: observed from the original supervise, multilog and setlock.
"""

import fcntl
import os

MODE = 0o600
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC


def open_file(path: bytes, directory: int | None = None, *, follow: bool = True) -> int:
    """Open a lock file, made if need be, and return its descriptor, closed on exec.

    Args:
        path: relative to ``directory``, a descriptor, if that is given.
        follow: a link in the place of the file, to what may be made there.

    Raises:
        OSError: it cannot be opened; ENXIO for a fifo that nobody reads, ELOOP for a link not to follow.
    """
    return os.open(path, _FLAGS | (0 if follow else os.O_NOFOLLOW), MODE, dir_fd=directory)


def lock(number: int, *, wait: bool = False) -> None:
    """Lock an open file for us alone; ``wait`` for as long as somebody else has it.

    Raises:
        OSError: it cannot be locked; EAGAIN when somebody has it.
    """
    fcntl.flock(number, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def acquire(path: bytes, *, wait: bool = False, directory: int | None = None, follow: bool = True) -> int:
    """Open a lock file and lock it; return its descriptor, closed on exec.

    Args:
        path: relative to ``directory``, a descriptor, if that is given.
        wait: for as long as somebody else has the lock.
        follow: a link in the place of the file, to what may be made there.

    Raises:
        OSError: it cannot be opened or locked, EAGAIN when somebody has the
            lock; no descriptor is left open.
    """
    number = open_file(path, directory, follow=follow)
    try:
        lock(number, wait=wait)
    except BaseException:
        os.close(number)
        raise
    return number


def find_holder(path: bytes) -> int | None:
    """Return the pid of who has locked a file; None when nobody has, or this system does not tell."""
    try:
        found = os.stat(path)
        with open("/proc/locks", "rb", buffering=0) as file:
            text = file.readall()
    except OSError:
        return None
    this = b"%02x:%02x:%d" % (os.major(found.st_dev), os.minor(found.st_dev), found.st_ino)
    for line in text.splitlines():
        words = line.split()  # NUMBER: FLOCK ADVISORY WRITE PID FILE FIRST LAST; those who wait have an arrow
        if words[1] == b"FLOCK" and words[5] == this and int(words[4]) > 0:
            return int(words[4])
    return None
