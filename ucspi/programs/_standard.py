"""Inputs and standard output as the cdb programs use them: bytes, in blocks, unbuffered."""

import os
import stat

from ucspi.programs._program import die_of_pipe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_SIZE = 262144


class InputError(Exception):
    """An input cannot be read; ``error`` says why."""

    def __init__(self, error: OSError) -> None:
        """Keep it apart from what goes wrong with output."""
        super().__init__(error)
        self.error = error


class OutputError(Exception):
    """Standard output cannot be written; ``error`` says why."""

    def __init__(self, error: OSError) -> None:
        """Keep it apart from what goes wrong with input."""
        super().__init__(error)
        self.error = error


def blocks(fd: int = 0) -> "Iterator[bytes]":
    """Yield an input as it comes, or raise `InputError`.

    Not through ``sys.stdin``: it takes a non-blocking descriptor that has
    nothing to offer yet for the end of the file.
    """
    while True:
        try:
            block = os.read(fd, BLOCK_SIZE)
        except OSError as error:
            raise InputError(error) from None
        if not block:
            return
        yield block


def image(fd: int = 0) -> "memoryview | bytes":
    """Return the whole of an input, or raise `InputError`.

    A regular file is mapped, from its start whatever its offset; anything else
    is read into memory.
    """
    try:
        status = os.fstat(fd)
        if stat.S_ISREG(status.st_mode) and status.st_size:
            import mmap  # here, as a pipe needs none

            return memoryview(mmap.mmap(fd, status.st_size, access=mmap.ACCESS_READ))
    except OSError as error:
        raise InputError(error) from None
    return b"".join(blocks(fd))


def write(data: "bytes | memoryview") -> None:
    """Write all of it to standard output, or raise `OutputError`.

    A pipe that nobody reads ends the process, as it ends a C program.
    """
    try:
        written = os.write(1, data)
        while written < len(data):
            written += os.write(1, data[written:])
    except BrokenPipeError as error:
        die_of_pipe()
        raise OutputError(error) from None
    except OSError as error:
        raise OutputError(error) from None
