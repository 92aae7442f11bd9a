"""The pipe between a service and its logger, which outlives both."""

import os


class Pipe:
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
        os.close(self.reader)
        os.close(self.writer)


def make() -> Pipe:
    """Return a new pipe, and see that one descriptor is left, which starting a logger takes for a moment.

    Raises:
        OSError: there is no pipe, or would be none that a logger could be started on.
    """
    pipe = Pipe(*os.pipe2(os.O_CLOEXEC))
    try:
        os.close(os.dup(pipe.reader))
    except OSError:
        pipe.close()
        raise
    return pipe
