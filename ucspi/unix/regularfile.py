"""Regular files that others may replace or write to at any moment."""

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO


def state_of(status: os.stat_result) -> tuple[int, ...]:
    """Return what changes when a file is replaced or written to: device, inode, size, mtime, ctime."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def open_regular(path: bytes) -> "BinaryIO":
    """Open a regular file for reading, unbuffered.

    Raises:
        OSError: it is missing or unreadable; EISDIR for a directory, EINVAL for
            any other file that is not regular.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # opening a FIFO would block otherwise
    try:
        _require_regular(os.fstat(fd), path)
    except OSError:
        os.close(fd)
        raise
    return os.fdopen(fd, "rb", buffering=0)


def read_whole(fd: int, size: int) -> bytearray:
    """Read ``size`` bytes from the start of a file, fewer if it has shrunk."""
    content = bytearray(size)
    done = 0
    with memoryview(content) as room:
        while done < size and (got := os.preadv(fd, [room[done:]], done)):
            done += got
    del content[done:]
    return content


def _require_regular(status: os.stat_result, path: bytes) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
