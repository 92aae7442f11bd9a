"""Looking at a file of rules, for a server that must not stand still.

Whatever may wait, which is opening, reading and checking, is a *look*.  A small
file on a disk of this machine is looked at at once, and costs less than a
handler.  A large one, or one on a server or whatever else may hang, is looked
at in a thread; whoever wants it waits a little, and then goes on without.
"""

import time

from ucspi.unix.cachedstat import CachedStat, size_in
from ucspi.unix.threadtask import NoThreadError, ThreadTask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Found = TypeVar("Found")

GOING_ON = b": takes long to be read; until then clients are judged by what was read before"
NOBODY = b": takes long to be read; until then nobody is let in"
READ = b": was read at last"


class FileWatch:
    """One file, and what is going on about it."""

    __slots__ = ("_cached_stat", "_path", "_small", "_task", "_tell", "is_late", "since")

    def __init__(self, path: bytes, small: int, tell: "Callable[[bytes], object] | None") -> None:
        """Look at nothing yet.

        Args:
            path: resolved anew for every look.
            small: up to how many bytes a look is quick.
            tell: called with a line when a look takes long, and when it has ended at last.
        """
        self._path, self._small, self._tell = path, small, tell
        self._cached_stat = CachedStat(path)
        self._task = ThreadTask()
        self.is_late = False
        self.since = 0.0  # when the look that is going on began, on the steady clock

    def begin(self, wake: "Callable[[], object]") -> None:
        """Have ``wake`` called, in a thread, when a look has ended there."""
        self._task.wake = wake

    def glance(self) -> bytes | None:
        """Return what tells whether the file changed, None when only a look can; see `CachedStat.glance`."""
        return self._cached_stat.glance()

    def is_looking(self) -> bool:
        """Return whether a look is going on that has not ended."""
        return self._task.is_busy and not self._task.wait(0)

    def is_looked_at(self) -> bool:
        """Return whether a look has ended in its thread, for `take`."""
        return self._task.is_busy and self._task.wait(0)

    def look(self, glimpse: bytes | None, work: "Callable[[], Found]", patience: float) -> "Found | None":
        """Look at the file, at once or aside; return what ``work`` does, None when that is not known yet.

        Raises:
            what ``work`` does.
        """
        if glimpse is not None and size_in(glimpse) <= self._small:
            self._task.abandon()  # whatever it finds is older
            self._end()
            return work()
        if not self._task.is_busy:
            try:
                self._task.start(work)
            except NoThreadError:
                return work()  # better late than never
            self.since = time.monotonic()
            self._task.wait(patience)
        return self.take() if self._task.wait(0) else None

    def abandon(self) -> None:
        """Want nothing of a look that is going on any more."""
        if self._task.is_busy:
            self._task.abandon()
            self._end()

    def take(self) -> "Found":  # type: ignore[type-var]  # what the work of `look` is
        """Return what the look that has ended found, or raise what it raised."""
        self._end()
        return self._task.take()  # type: ignore[return-value]

    def complain(self, after: float, line: bytes) -> None:
        """Tell, once, of a look that has been going on for so many seconds."""
        if not self.is_late and time.monotonic() - self.since >= after:
            self.is_late = True
            self._say(line)

    def wait(self, seconds: float) -> bool:
        """Wait for the look that is going on, -1 for ever; return whether it has ended."""
        return self._task.wait(seconds)

    def _end(self) -> None:
        if self.is_late:
            self.is_late = False
            self._say(READ)

    def _say(self, line: bytes) -> None:
        if self._tell is not None:
            self._tell(self._path + line)
