"""Writes a cdb into a file that the caller has opened, where nothing can be renamed."""

import os

from ucspi import cdb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Buffer


def unfinished(header_size: int) -> bytes:
    """Return the header of a file that is not finished.

    Its pointers are far outside of the file, so every reader refuses it.  Zeros
    would mean a database without keys.
    """
    return b"\xff" * header_size


class InPlaceWriter:
    """Writes to an open descriptor; has the methods of `ucspi.cdb.Writer`."""

    __slots__ = ("_builder", "_end", "_fd")

    def __init__(self, fd: int) -> None:
        """Empty the file; the position of the descriptor does not matter.

        Raises:
            OSError: it is no regular file, or not open for writing.
        """
        os.ftruncate(fd, 0)
        self._fd, self._end = fd, 0
        self._builder = cdb.Builder(self._append)
        self._append(unfinished(self._builder.header_size))

    def add(self, key: "Buffer", data: "Buffer") -> None:
        """Append a record."""
        self._builder.add(key, data)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._fd

    def publish(self) -> None:
        """Write the tables and, last, the header.

        Raises:
            OSError: writing failed, or somebody else changed the file.
        """
        header = self._builder.finish()
        _write_at(self._fd, header, 0)
        if os.fstat(self._fd).st_size != self._end:  # also if the file is open for appending
            raise OSError("the file was changed while a cdb was written to it")

    def discard(self) -> None:
        """Empty the file."""
        self._builder.close()
        os.ftruncate(self._fd, 0)

    def _append(self, block: bytes) -> None:
        _write_at(self._fd, block, self._end)
        self._end += len(block)


def _write_at(fd: int, block: bytes, position: int) -> None:
    with memoryview(block) as rest:
        done = 0
        while done < len(rest):
            done += os.pwrite(fd, rest[done:], position + done)
