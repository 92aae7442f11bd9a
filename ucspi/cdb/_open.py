"""Opening a cdb file for reading."""

import os
import stat

from ucspi.cdb._reader import Reader


def open(path: "str | bytes | os.PathLike[str] | os.PathLike[bytes]") -> Reader:
    """Open a cdb file; a regular one is mapped, anything else is read to its end.

    The file must not be written in place while it is open: replace it, as
    `create` and all cdb tools do.  Truncating a mapped file kills its readers
    with SIGBUS.

    Args:
        path: str, bytes or PathLike.

    Raises:
        OSError: it cannot be opened or read.
        CdbFormatError: it is shorter than a header.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return Reader(contents(fd))
    finally:
        os.close(fd)


def contents(fd: int) -> "memoryview | bytes":
    """Return everything a descriptor gives: a map of a regular file, else what is read from it."""
    status = os.fstat(fd)
    if stat.S_ISREG(status.st_mode) and status.st_size:  # an empty file cannot be mapped
        import mmap  # here, so that programs that map nothing do not load it

        return memoryview(mmap.mmap(fd, status.st_size, access=mmap.ACCESS_READ))
    blocks = []
    while block := os.read(fd, 65536):
        blocks.append(block)
    return b"".join(blocks)
