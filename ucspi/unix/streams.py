"""Moving bytes between descriptors, whatever the parent made of them.

Descriptors that are non-blocking because somebody else wanted them so are
waited for; the flag is shared with others and stays as it is.
"""

import posix as os
import select

# What a pipe holds, and what stays in the second-level cache of any processor.
BLOCK = 65536


def read_some(source: int, size: int = BLOCK) -> bytes:
    """Read what is there, at most ``size`` bytes; wait while there is nothing; empty at the end.

    Raises:
        OSError: it cannot be read.
    """
    while True:
        try:
            return os.read(source, size)
        except BlockingIOError:
            _wait(source, readable=True)


def write_all(target: int, data: "bytes | memoryview") -> None:
    """Write all of it; wait while there is no room.

    Raises:
        OSError: it cannot be written; some of it may have been.
    """
    written = 0
    while written < len(data):
        written += write_some(target, memoryview(data)[written:] if written else data)


def write_some(target: int, data: "bytes | memoryview") -> int:
    """Write what there is room for; wait while there is none; return how much it was.

    Raises:
        OSError: it cannot be written.
    """
    while True:
        try:
            return os.write(target, data)
        except BlockingIOError:
            _wait(target, readable=False)


def is_readable(source: int, seconds: float | None = None) -> bool:
    """Wait, for so long or without end, until a read has something to tell; return whether it has."""
    return _wait(source, readable=True, seconds=seconds)


def _wait(number: int, *, readable: bool, seconds: float | None = None) -> bool:
    poll = select.poll()
    poll.register(number, select.POLLIN if readable else select.POLLOUT)
    return bool(poll.poll(None if seconds is None else 1000 * seconds))
