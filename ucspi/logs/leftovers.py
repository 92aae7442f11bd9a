"""Opens a log directory, and cleans up what an earlier program left there.

If ``current`` has the owner's execute bit, the earlier program closed it.
Otherwise the machine or the program stopped while writing:

    processed, executable      the processor succeeded: finish processed, remove previous
    processed, otherwise       remove processed, finish previous as unsafe
    current                    finish it as unsafe, even if it is empty

A logger that had no processor may have left no ``state``.  Without it no processor
could be started, so it is made.  The current directory is the log's.

Source: observed from the original multilog.
"""

import os

from ucspi.logs.finishedfiles import SAFE, UNSAFE, finish
from ucspi.logs.retry import try_once
from ucspi.logs.rotation import APPEND, OPEN
from ucspi.unix import fds
from ucspi.unix.safeopen import open_inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.logs.retry import Retry
    from ucspi.logs.script import Destination

_EXECUTABLE = 0o100
_MADE = os.O_WRONLY | os.O_NONBLOCK | os.O_CREAT | os.O_CLOEXEC
_EMPTIED = os.O_WRONLY | os.O_NONBLOCK | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


def open_current(destination: "Destination", retry: "Retry") -> tuple[int, int]:
    """Clean up, and open ``current`` to append to; return its descriptor and its size in bytes.

    Raises:
        LogError: something cannot be looked at, opened or created.
    """
    path = destination.path
    mode, size = try_once(b"unable to stat %s/current" % path, _mode_and_size, b"current")
    if mode & _EXECUTABLE:
        if destination.processor is not None:
            fds.close(try_once(b"unable to write to %s/state" % path, open_inside, b"state", _MADE, OPEN))
        step = b"unable to append to %s/current" % path
    else:
        _clean_up(destination, retry)
        fds.close(try_once(b"unable to write to %s/state" % path, open_inside, b"state", _EMPTIED, OPEN))
        step, size = b"unable to write to %s/current" % path, 0
    number = try_once(step, open_inside, b"current", APPEND, 0o600)
    try_once(b"unable to set mode of %s/current" % path, os.fchmod, number, OPEN)
    return number, size


def _clean_up(destination: "Destination", retry: "Retry") -> None:
    _remove(b"state")
    _remove(b"newstate")
    mode, _ = try_once(b"unable to stat %s/processed" % destination.path, _mode_and_size, b"processed")
    if mode & _EXECUTABLE:
        _remove(b"previous")
        finish(destination, b"processed", SAFE, retry)
    else:
        _remove(b"processed")
        finish(destination, b"previous", UNSAFE, retry)
    finish(destination, b"current", UNSAFE, retry)


def _mode_and_size(name: bytes) -> tuple[int, int]:
    """Return mode and size of a file, zeros if it does not exist."""
    try:
        found = os.stat(name)
    except FileNotFoundError:
        return 0, 0
    return found.st_mode, found.st_size


def _remove(name: bytes) -> None:
    """Remove a file if possible; the original ignores errors, too."""
    try:
        os.unlink(name)
    except OSError:
        pass
