"""Lock files as daemontools has them: opened for writing, never truncated, locked with flock.

A lock belongs to the open file, so it lasts until everybody who inherited the
descriptor has closed it.  It is no fcntl lock: the two do not see each other.

Source: observed from the original supervise, multilog and setlock.
"""

import fcntl
import os

MODE = 0o600
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
