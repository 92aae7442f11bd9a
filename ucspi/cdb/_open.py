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
    """Open a cdb file for reading, from its start.

    Anything but a regular file, for example a pipe, is read to its end.

    Args:
        source: a path (str, bytes or PathLike), an open file or a descriptor.
            A file or descriptor stays open and may be closed by the caller at
            once; the offset of a regular file is neither used nor changed.
        mmap: whether to map a regular file, so that only the parts that are
            needed are read, and processes share the memory.  Nobody may write
            to a mapped file in place; replace it, as `create` and the cdb tools
            of this package do (PHP's dba and cdbx's `make` write in place).
            Truncating a mapped file kills its readers with SIGBUS.  If false,
            or if the file system cannot map, the file is read into private
            memory and may change afterwards.
        format: ``cdb``, ``cdb64``, or ``cdblib64`` for pure-cdb's files over
            4 GB; None finds it out by the structure of the file.

    Raises:
        OSError: the file cannot be opened or read.
        CdbFormatError: the file is shorter than a header, or fits no format.
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
    """Return the descriptor of an open file, None for a path."""
    if isinstance(source, int):
        return source
    fileno = getattr(source, "fileno", None)
    return None if fileno is None else int(fileno())


def contents(fd: int, *, mmap: bool = True) -> "memoryview | bytearray | bytes":
    """Return the contents of a file: a map of a regular one, or the bytes that were read."""
    stat_result = os.fstat(fd)
    if not stat.S_ISREG(stat_result.st_mode):
        return b"".join(iter(lambda: os.read(fd, BLOCK_SIZE), b""))
    if mmap and stat_result.st_size:  # an empty file cannot be mapped
        try:
            return _map(fd, stat_result.st_size)
        except OSError:  # some file systems cannot
            pass
    from ucspi.unix.regularfile import read_whole  # few programs need it

    return read_whole(fd, stat_result.st_size)


def _map(fd: int, size: int) -> memoryview:
    import mmap  # here, so that programs that map nothing do not load it

    return memoryview(mmap.mmap(fd, size, access=mmap.ACCESS_READ))
