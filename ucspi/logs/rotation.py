"""Rotates a log: ``current`` becomes a finished file, after processing if the script says so.

Each step can be repeated by a program that starts after a crash; `leftovers` says
what the files then mean.  A step that fails is repeated until it succeeds.  The
current directory is the log's.

Source: observed from the original multilog with strace.
"""

import os

from ucspi.logs.finishedfiles import SAFE, finish
from ucspi.unix import fds, safeopen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from ucspi.logs.retry import Retry
    from ucspi.logs.script import Destination

CLOSED: "Final" = 0o744  # the mode of a file that is whole
OPEN: "Final" = 0o644

APPEND: "Final" = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC


class Rotation:
    """Rotates one log."""

    __slots__ = ("_complain", "_destination", "_path", "_retry")

    def __init__(
        self,
        destination: "Destination",
        retry: "Retry",
        complain: "Callable[[bytes, OSError], object]",
    ) -> None:
        """Call ``complain`` with what failed, and the error, when a processor cannot be run."""
        self._destination, self._retry, self._complain = destination, retry, complain
        self._path = destination.path
        if destination.processor is not None:
            # Imported now: later descriptors may be used up, or the package may have been replaced.
            from ucspi.logs import processor  # noqa: F401 - for `_run`

    def replace(self, number: int) -> int:
        """Close ``current``, open on ``number``, and rename it; return the descriptor of a new one."""
        until_done, path = self._retry.until_done, self._path
        until_done(b"unable to write %s/current to disk" % path, os.fsync, number)
        fds.close(number)
        what = b"unable to rename current to previous in directory " + path
        until_done(what, os.rename, b"current", b"previous")
        number = until_done(
            b"unable to create %s/current" % path, safeopen.open_inside, b"current", APPEND, 0o600
        )
        until_done(b"unable to set mode of %s/current" % path, os.fchmod, number, OPEN)
        until_done(b"unable to set mode of %s/previous" % path, safeopen.set_mode, b"previous", CLOSED)
        return number

    def finish(self) -> None:
        """Finish ``previous``, or what the processor made of it."""
        name = b"previous"
        if self._destination.processor is not None:
            self._process(self._destination.processor)
            name = b"processed"
        finish(self._destination, name, SAFE, self._retry)

    def _process(self, command: bytes) -> None:
        until_done, path = self._retry.until_done, self._path
        while not self._succeeds(command):
            pass
        self._save(b"processed", CLOSED)
        self._save(b"newstate", None)
        until_done(b"unable to remove %s/previous" % path, os.unlink, b"previous")
        what = b"unable to rename newstate to state in directory " + path
        until_done(what, os.rename, b"newstate", b"state")

    def _succeeds(self, command: bytes) -> bool:
        """Run the processor once, and return whether it succeeded; if not, pause."""
        status = self._run(command)
        if status == 0:
            return True
        how = b"crashed" if os.WIFSIGNALED(status) else b"failed"
        self._retry.pause(b"processor %s in %s" % (how, self._path))
        return False

    def _run(self, command: bytes) -> int:
        from ucspi.logs import processor  # most logs have none

        try:
            opened = processor.open_files()
        except OSError as error:
            self._complain(b"unable to run " + command, error)
            return 111 << 8  # as in the original, where the child opens the files, and ends so
        try:
            what = b"unable to fork for processor in " + self._path
            pid = self._retry.until_done(what, processor.start, command, opened)
        finally:
            processor.close_files(opened)
        return self._retry.until_done(b"wait failed for processor in " + self._path, os.waitpid, pid, 0)[1]

    def _save(self, name: bytes, mode: int | None) -> None:
        """Sync a file that the processor wrote to the disk."""
        until_done, path = self._retry.until_done, self._path
        number = until_done(
            b"unable to create %s/%s" % (path, name), safeopen.open_inside, name, APPEND, 0o600
        )
        until_done(b"unable to write %s/%s to disk" % (path, name), os.fsync, number)
        if mode is not None:
            until_done(b"unable to set mode of %s/%s" % (path, name), os.fchmod, number, mode)
        fds.close(number)
