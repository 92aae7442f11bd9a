"""A file that holds the last line, and no more."""

import os

from ucspi.logs.retry import try_once
from ucspi.unix import fds
from ucspi.unix.safeopen import open_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.logs.retry import Retry

_CREATE = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
_REWRITE = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC


class LastLineFile:
    """A file whose beginning is replaced again and again."""

    __slots__ = ("_number", "_path", "_retry")

    def __init__(self, path: bytes, retry: "Retry") -> None:
        """Open the file, made if need be; what it holds stays until the first line.

        Raises:
            LogError: it cannot be created or opened.
        """
        self._path, self._retry = path, retry
        fds.close(try_once(b"unable to create " + path, open_named, path, _CREATE, 0o600))
        self._number = try_once(b"unable to write " + path, open_named, path, _REWRITE)

    def replace(self, text: bytes) -> None:
        """Put a text where the last one was, waiting for the disk if need be."""
        until_done = self._retry.until_done
        until_done(b"unable to move to beginning of " + self._path, os.lseek, self._number, 0, os.SEEK_SET)
        while text:
            written = until_done(b"unable to write " + self._path, os.write, self._number, text)
            text = text[written:]
