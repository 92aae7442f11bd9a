"""Reading from descriptors that another process may have made non-blocking.

The flag is shared with that process and stays as it is.
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
            poll = select.poll()
            poll.register(source, select.POLLIN)
            poll.poll()
