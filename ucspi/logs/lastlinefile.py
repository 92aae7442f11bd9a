"""A file that holds only the last line: what multilog's ``=FILE`` writes."""

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
    """A file that each line overwrites."""

    __slots__ = ("_number", "_path", "_retry")

    def __init__(self, path: bytes, retry: "Retry") -> None:
        """Open or create the file; it keeps what it holds until the first line.

        Raises:
            LogError: it cannot be created or opened.
        """
        self._path, self._retry = path, retry
        fds.close(try_once(b"unable to create " + path, open_named, path, _CREATE, 0o600))
        self._number = try_once(b"unable to write " + path, open_named, path, _REWRITE)

    def replace(self, text: bytes) -> None:
        """Overwrite the last text; wait while the disk is full."""
        until_done = self._retry.until_done
        until_done(b"unable to move to beginning of " + self._path, os.lseek, self._number, 0, os.SEEK_SET)
        while text:
            written = until_done(b"unable to write " + self._path, os.write, self._number, text)
            text = text[written:]
