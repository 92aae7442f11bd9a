"""Learning that files of directories are replaced, without looking again and again: ``F_NOTIFY``.

The kernel sends SIGIO when a file in a directory is renamed or removed.  It does
not say in which one, so all are looked at.  inotify would say it, but closing it takes
the kernel 10 to 20 ms, and a program that ends closes it: its caller would wait so
long for what it has seen already.

Where nothing can be watched, its users have to look from time to time.  So
nothing here is an error: another system, a kernel without it
(``fs.dir-notify-enable``), a directory that we may not read, too few descriptors.

Source: fcntl(2), "File and directory change notification".
"""

import fcntl
import posix as os
from _signal import SIGIO

from ucspi.unix import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

NOTIFY: "Final" = getattr(fcntl, "F_NOTIFY", -1)
_WHAT: "Final" = 0x10 | 0x08 | 0x80000000  # renamed, removed; again and again.  Source: linux/fcntl.h
_OPEN: "Final" = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class FolderWatch(signals.Wakeup):
    """Readable when something has happened in one of any number of directories.

    There can be one in a process, made by its main thread.  Nothing may be watched any
    more when the interpreter ends: it gives each signal its default first.
    """

    __slots__ = ()

    def __init__(self) -> None:
        """Watch nothing yet.

        Raises:
            OSError: no descriptor is left.
        """
        super().__init__()
        signals.note(SIGIO)  # before a first one comes: by default it ends a process
        signals.unblock(SIGIO)

    def add(self, folder: int) -> int | None:
        """Watch one more; return a descriptor that is to be closed to end that, None if it cannot be watched.

        Args:
            folder: a descriptor of the directory, which may be closed afterwards.
        """
        return watch(folder)


def watch(folder: int) -> int | None:
    """Have SIGIO sent to this process; it must be caught.  See `FolderWatch.add` for the rest.

    Safe in any thread.
    """
    try:
        held = os.open(b".", _OPEN, dir_fd=folder)
    except OSError:
        return None
    try:
        fcntl.fcntl(held, NOTIFY, _WHAT)
        fcntl.fcntl(held, fcntl.F_SETOWN, os.getpid())  # else nobody gets it when this thread has ended
    except OSError:
        os.close(held)
        return None
    return held
