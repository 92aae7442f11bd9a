"""The pipe between a service and its logger, which outlives both."""

import os

from ucspi.unix.fds import demand_spare

# Descriptors that the start of a logger takes for a moment: its directory, and for a fork a pipe.
SPARE = 3


class LoggerPipe:
    """Both ends of a pipe, closed on exec; a started process gets one end as descriptor 0 or 1.

    The scanner keeps both ends open as long as it knows the service.  So neither
    side notices when the other one dies, and what was written waits for the next
    logger.
    """

    __slots__ = ("reader", "writer")

    def __init__(self, reader: int, writer: int) -> None:
        """Take two descriptors, which are closed here."""
        self.reader, self.writer = reader, writer

    def close(self) -> None:
        """Close both ends; a logger that still reads gets the end of its input."""
        self.end()
        reader, self.reader = self.reader, -1
        if reader >= 0:
            os.close(reader)

    def end(self) -> None:
        """Close the writing end; the logger gets the end of its input once nobody else has one open."""
        writer, self.writer = self.writer, -1
        if writer >= 0:
            os.close(writer)


def make_pipe() -> LoggerPipe:
    """Return a new pipe, if enough descriptors are left to start a logger on it.

    Raises:
        OSError: no pipe can be made, or too few descriptors are left.
    """
    pipe = LoggerPipe(*os.pipe2(os.O_CLOEXEC))
    try:
        demand_spare(SPARE)
    except OSError:
        pipe.close()
        raise
    return pipe
