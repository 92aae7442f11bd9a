"""The pipe between a service and its logger, which outlives both."""

import os

from ucspi.unix.fds import demand_spare

# What starting a logger takes for a moment: its directory, and a pipe where the interpreter is forked.
SPARE = 3


class LoggerPipe:
    """Both ends of a pipe, close-on-exec: whoever is started gets one end as 0 or 1.

    The scanner keeps both open for as long as it knows the service, so neither
    side sees the other one die, and what was written waits for the next logger.
    """

    __slots__ = ("reader", "writer")

    def __init__(self, reader: int, writer: int) -> None:
        """Own the two descriptors."""
        self.reader, self.writer = reader, writer

    def close(self) -> None:
        """Close both ends; a logger that still reads sees the end of its input."""
        self.end()
        reader, self.reader = self.reader, -1
        if reader >= 0:
            os.close(reader)

    def end(self) -> None:
        """Close the writing end: a logger sees the end of its input, once nobody else has one."""
        writer, self.writer = self.writer, -1
        if writer >= 0:
            os.close(writer)


def make_pipe() -> LoggerPipe:
    """Return a new pipe, and see that a logger could be started on it.

    Raises:
        OSError: there is none, or too few descriptors are left.
    """
    pipe = LoggerPipe(*os.pipe2(os.O_CLOEXEC))
    try:
        demand_spare(SPARE)
    except OSError:
        pipe.close()
        raise
    return pipe
