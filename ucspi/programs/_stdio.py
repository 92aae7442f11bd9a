"""Reading inputs in blocks and writing standard output, with errors that tell one from the other."""

import posix as os

from ucspi.programs._program import print_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_SIZE = 262144


class _StreamError(Exception):
    """Keeps the error of the system in ``error``."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.error = error


class InputError(_StreamError):
    """An input cannot be read."""


class OutputError(_StreamError):
    """Standard output cannot be written."""


def blocks(fd: int = 0, size: int = BLOCK_SIZE) -> "Iterator[bytes]":
    """Yield an input in blocks of at most ``size`` bytes.

    ``sys.stdin`` would not do: when a non-blocking descriptor has no data yet, it
    takes that for the end of the file.

    Raises:
        InputError: it cannot be read.
    """
    while True:
        try:
            block = os.read(fd, size)
        except OSError as error:
            raise InputError(error) from None
        if not block:
            return
        yield block


def write(data: "bytes | memoryview") -> None:
    """Write all of it to standard output; a pipe that nobody reads ends the process.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        print_all(data)
    except OSError as error:
        raise OutputError(error) from None
