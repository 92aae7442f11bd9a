"""Opening a cdb file for reading."""

import os
import stat

from ucspi.cdb._reader import Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class HasFileno(Protocol):
        """An open file: whatever says which descriptor it has."""

        def fileno(self) -> int: ...

    Source = str | bytes | os.PathLike[str] | os.PathLike[bytes] | HasFileno | int

BLOCK_SIZE = 65536


def open(source: "Source", *, mmap: bool = True, format: "str | None" = None) -> Reader:  # noqa: A002
    """Open a cdb file: all of it, from its start.

    What is no regular file, a pipe for example, is read to its end.

    Args:
        source: a path (str, bytes or PathLike), an open file or a descriptor.
            The latter two stay open, and where they stand does not change
            unless they are no regular file; they may be closed at once.
        mmap: map a regular file, so that nothing is read before it is needed
            and processes share the memory.  Such a file must not be written in
            place while it is open: replace it, as `create` and the cdb tools of
            this package do (PHP's dba and cdbx's `make` write in place).
            Truncating a mapped file kills its readers with SIGBUS.
            When false, or where the file system cannot map, the file is read
            into private memory and may change afterwards.
        format: ``cdb``, ``cdb64``, or ``cdblib64`` for pure-cdb's, where the
            caller knows better than what the structure of the file says.

    Raises:
        OSError: it cannot be opened or read.
        CdbFormatError: it is shorter than a header, or fits no format.
        ValueError: there is no such format.
    """
    fd = _descriptor(source)
    if fd is not None:
        return Reader(contents(fd, mmap=mmap), format=format)
    fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)  # type: ignore[arg-type]  # a path then
    try:
        return Reader(contents(fd, mmap=mmap), format=format)
    except OSError as error:  # a directory, for example
        error.filename = source
        raise
    finally:
        os.close(fd)


def _descriptor(source: "Source") -> int | None:
    """Return the descriptor of what is open already, None for a path."""
    if isinstance(source, int):
        return source
    fileno = getattr(source, "fileno", None)
    return None if fileno is None else int(fileno())


def contents(fd: int, *, mmap: bool = True) -> "memoryview | bytearray | bytes":
    """Return all that a descriptor gives: a map of a regular file, or what is read from it."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        return b"".join(iter(lambda: os.read(fd, BLOCK_SIZE), b""))
    if mmap and status.st_size:  # an empty file cannot be mapped
        try:
            return _map(fd, status.st_size)
        except OSError:  # some file systems cannot
            pass
    from ucspi.unix.regularfile import read_whole  # few programs need it

    return read_whole(fd, status.st_size)


def _map(fd: int, size: int) -> memoryview:
    import mmap  # here, so that programs that map nothing do not load it

    return memoryview(mmap.mmap(fd, size, access=mmap.ACCESS_READ))
