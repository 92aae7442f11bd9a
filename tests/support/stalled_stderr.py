"""A log that nobody reads."""

import fcntl
import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.patience import PATIENCE


class Stalled:
    """The full pipe on descriptor 2: its reader, which does not block, and how much is in it."""

    def __init__(self, reader: int, size: int) -> None:
        self.reader, self.size = reader, size

    def read(self, length: int) -> bytes:
        """Read what filled it and so many bytes more; return these."""
        deadline = time.monotonic() + PATIENCE
        text = b""
        while len(text) < self.size + length:
            assert time.monotonic() < deadline, text
            select.select([self.reader], [], [], 1)
            try:
                text += os.read(self.reader, 65536)
            except BlockingIOError:
                continue
        return text[self.size :]


@contextmanager
def stalled_stderr(*, blocking: bool = True) -> Iterator[Stalled]:
    """Put a full pipe on descriptor 2, small as it may be."""
    reader, writer = os.pipe()
    size = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    kept = os.dup(2)
    os.dup2(writer, 2)
    try:
        os.write(2, b"." * size)
        os.set_blocking(2, blocking)
        os.set_blocking(reader, False)
        yield Stalled(reader, size)
    finally:
        os.dup2(kept, 2)
        for descriptor in (kept, reader, writer):
            os.close(descriptor)
