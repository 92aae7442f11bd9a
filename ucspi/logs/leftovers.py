"""What is found in a log directory at the start, and what becomes of it.

``current`` with the owner's execute bit was closed by somebody who ended well.
Without it the machine or the program stopped while writing:

    processed, executable      the processor had succeeded: it is finished, previous goes
    processed, otherwise       it goes; previous is finished as unsafe
    current                    is finished as unsafe, even if it is empty

The current directory is the log's.

Source: observed from the original multilog.
"""

import os

from ucspi.errors import LogError
from ucspi.logs.finishedfiles import SAFE, UNSAFE, finish
from ucspi.logs.rotation import APPEND, OPEN
from ucspi.unix import fds
from ucspi.unix.safeopen import open_inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ParamSpec, TypeVar

    from ucspi.logs.retry import Patience
    from ucspi.logs.script import Destination

    Taken = ParamSpec("Taken")
    Result = TypeVar("Result")

_EXECUTABLE = 0o100
_EMPTIED = os.O_WRONLY | os.O_NONBLOCK | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


def attempt(
    step: bytes, action: "Callable[Taken, Result]", *arguments: "Taken.args", **options: "Taken.kwargs"
) -> "Result":
    """Call it once.

    Raises:
        LogError: it raised an `OSError`; ``step`` says what was attempted.
    """
    try:
        return action(*arguments, **options)
    except OSError as error:
        raise LogError(step, error) from None


def open_current(described: "Destination", patience: "Patience") -> tuple[int, int]:
    """Open ``current`` to append to, after making order; return its descriptor and its size in bytes.

    Raises:
        LogError: something cannot be looked at, opened or created.
    """
    path = described.path
    mode, size = attempt(b"unable to stat %s/current" % path, _look, b"current")
    if mode & _EXECUTABLE:
        step = b"unable to append to %s/current" % path
    else:
        _make_order(described, patience)
        fds.close(attempt(b"unable to write to %s/state" % path, open_inside, b"state", _EMPTIED, OPEN))
        step, size = b"unable to write to %s/current" % path, 0
    number = attempt(step, open_inside, b"current", APPEND, 0o600)
    attempt(b"unable to set mode of %s/current" % path, os.fchmod, number, OPEN)
    return number, size


def _make_order(described: "Destination", patience: "Patience") -> None:
    _remove(b"state")
    _remove(b"newstate")
    mode, _ = attempt(b"unable to stat %s/processed" % described.path, _look, b"processed")
    if mode & _EXECUTABLE:
        _remove(b"previous")
        finish(described, b"processed", SAFE, patience)
    else:
        _remove(b"processed")
        finish(described, b"previous", UNSAFE, patience)
    finish(described, b"current", UNSAFE, patience)


def _look(name: bytes) -> tuple[int, int]:
    """Return mode and size of a file, zeros if there is none."""
    try:
        found = os.stat(name)
    except FileNotFoundError:
        return 0, 0
    return found.st_mode, found.st_size


def _remove(name: bytes) -> None:
    """Remove a file, or leave it: the original does not look whether it could."""
    try:
        os.unlink(name)
    except OSError:
        pass
