"""Learning that files of directories are replaced, without looking again and again: inotify.

Where that is missing or fails, its users have to look from time to time.  So
nothing here is an error: a build without C, a system without inotify, the
limits of a user (``max_user_instances``, ``max_user_watches``), a directory that we
may not read.
"""

import posix as os
from _struct import Struct

from ucspi.unix import native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = Struct("=iIII")  # number of the watch, mask, cookie, bytes of the name
_READ_MAX = 1 << 16
# Source: linux/inotify.h: removed, renamed, no longer watched; the queue was full.
_GONE = 0x400 | 0x800 | 0x8000
_LOST = 0x4000


class FolderWatch:
    """Watches any number of directories: files that are renamed into them or removed, and their own end.

    Attributes:
        number: the descriptor that is readable when there are events; -1: nothing can be watched.
    """

    __slots__ = ("number",)

    def __init__(self) -> None:
        """Watch nothing yet."""
        self.number = -1 if native.lib is None else native.lib.usys_open_events()

    def add(self, folder: int) -> int | None:
        """Watch one more; return the number that its events bear, None if it cannot be watched.

        Args:
            folder: a descriptor of the directory, which may be closed afterwards.
        """
        if self.number < 0:
            return None
        # The very directory that was entered; its name may lead elsewhere by now.
        found = native.lib.usys_watch_folder(self.number, b"/proc/self/fd/%d" % folder)
        return int(found) if found >= 0 else None

    def changed(self) -> "Changes":
        """Return what happened since the last call."""
        changes = Changes()
        while True:
            try:
                events = os.read(self.number, _READ_MAX)
            except BlockingIOError:
                return changes
            for number, mask in _events(events):
                changes.note(number, mask)


class Changes:
    """What happened in directories.

    Attributes:
        replaced: the numbers of those in which a file was replaced or removed.
        gone: the numbers of those that were removed or renamed.
        may_be_any: events were lost, so it may have happened in any of them.
    """

    __slots__ = ("gone", "may_be_any", "replaced")

    def __init__(self) -> None:
        """Nothing happened."""
        self.replaced, self.gone, self.may_be_any = set[int](), set[int](), False

    def note(self, number: int, mask: int) -> None:
        """Add an event."""
        self.may_be_any |= bool(mask & _LOST)
        (self.gone if mask & _GONE else self.replaced).add(number)


def _events(data: bytes) -> "Iterator[tuple[int, int]]":
    at = 0
    while at < len(data):
        number, mask, _, length = _HEAD.unpack_from(data, at)
        yield number, mask
        at += _HEAD.size + length
