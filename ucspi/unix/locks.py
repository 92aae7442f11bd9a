"""Lock files as in daemontools: opened for writing, never truncated, locked with flock.

The lock belongs to the open file.  It lasts until every process that inherited
the descriptor has closed it.  It is not an fcntl lock; the two kinds do not see
each other.

Source: observed from the original supervise, multilog and setlock.
"""

import fcntl
import os

MODE = 0o600
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC


def open_file(path: bytes, directory: int | None = None, *, is_guarded: bool = False) -> int:
    """Open a lock file, which is made if it is missing; return its descriptor, closed on exec.

    Args:
        path: relative to ``directory``, a descriptor, if that is given.
        is_guarded: refuse a link, a file that is not regular, and one that another user
            may have put there; the path must be a name without a slash then.

    Raises:
        UnsafeFileError: it was refused.
        OSError: it cannot be opened; ENXIO for a fifo that nobody reads, ELOOP for a refused link.
    """
    if not is_guarded:
        return os.open(path, _FLAGS, MODE, dir_fd=directory)
    from ucspi.unix import safeopen  # setlock does not need it

    return safeopen.open_file(path, _FLAGS, safeopen.PLAIN, directory, MODE)


def lock(number: int, *, wait: bool = False) -> None:
    """Lock an open file exclusively; with ``wait``, wait while somebody else holds the lock.

    Raises:
        OSError: it cannot be locked; EAGAIN if somebody else holds the lock.
    """
    fcntl.flock(number, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def acquire(
    path: bytes, *, wait: bool = False, directory: int | None = None, is_guarded: bool = False
) -> int:
    """Open a lock file and lock it; return its descriptor, closed on exec.

    Args:
        path: relative to ``directory``, a descriptor, if that is given.
        wait: wait while somebody else holds the lock.
        is_guarded: see `open_file`.

    Raises:
        OSError: it cannot be opened or locked, EAGAIN if somebody else holds the
            lock; no descriptor is left open.
    """
    number = open_file(path, directory, is_guarded=is_guarded)
    try:
        lock(number, wait=wait)
    except BaseException:
        os.close(number)
        raise
    return number
