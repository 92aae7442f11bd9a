"""Inputs and standard output as the cdb programs use them: bytes, in blocks, unbuffered."""

import os

from ucspi.programs._program import die_of_pipe
from ucspi.unix.output import write_all

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


def write(data: "bytes | memoryview") -> None:
    """Write all of it to standard output, or raise `OutputError`.

    A pipe that nobody reads ends the process, as it ends a C program.
    """
    try:
        write_all(1, data)
    except BrokenPipeError as error:
        die_of_pipe()
        raise OutputError(error) from None
    except OSError as error:
        raise OutputError(error) from None
