"""Optional small files in a service directory, by which a service asks for more than daemontools 0.76 does.

Names and meanings are those of s6 and runit, so that a directory made for them works
here.  ``backoff``, ``sockets`` and the flags ``-finish-runit``, ``-permanent-100``,
``-notify-socket`` and ``-on-demand`` are ours.  A directory without any of them is *plain*: nothing
differs from 0.76 then.

What a file says wrongly is one line on standard error, and the default holds.

Source: skarnet.org/software/s6/servicedir.html; runsv(8), sv(8); decided here for the rest.
"""

import os
from time import time_ns

from ucspi.service.wishes import PLAIN, Wishes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from ucspi.service.optionalvalues import OptionalValues

_SURE = 1_000_000_000  # nanoseconds; what was changed more recently may change again with the same time
# Also in cdbext/system/servicefiles.c.
NAMES: "Final" = (
    b"backoff",
    b"check",
    b"down-signal",
    b"finish",
    b"flag-finish-runit",
    b"flag-notify-socket",
    b"flag-on-demand",
    b"flag-permanent-100",
    b"flag-timeout-killpg",
    b"max-death-tally",
    b"notification-fd",
    b"sockets",
    b"timeout-finish",
    b"timeout-kill",
)


class OptionalFiles:
    """The files of one directory."""

    __slots__ = ("_folder", "_is_local", "_limit", "_name", "_plain", "_tells_end", "_values", "_warn")

    def __init__(
        self,
        name: bytes,
        folder: int,
        warn: "Callable[[bytes], object]",
        limit: "Callable[[], int]",
        *,
        tells_end: bool = False,
    ) -> None:
        """Take what is read.

        Args:
            name: of the directory, for messages.
            folder: a descriptor of it.
            warn: prints a warning.
            limit: returns the number that all descriptors of the service are below.
            tells_end: the service is never plain, so that its status says how it has ended.
        """
        self._name, self._folder, self._warn, self._limit = name, folder, warn, limit
        self._tells_end = tells_end
        self._values: OptionalValues | None = None
        self._plain: tuple[int, int] | None = None  # times of the directory when it had none of the files
        self._is_local: bool | None = None

    def read(self) -> Wishes:
        """Return what the service asks for now; this may wait for the disk."""
        before = self._times()
        there = [name for name in NAMES if self._has(name)]
        if not there and not self._tells_end:
            self._plain = before if time_ns() - max(before) > _SURE else None
            return PLAIN
        self._plain = None
        if self._values is None:
            from ucspi.service.optionalvalues import OptionalValues

            self._values = OptionalValues(self._name, self._folder, self._warn)
        return self._values.read(there, self._limit())

    def is_still_plain(self) -> bool:
        """Return whether none of the files has come since `read`; False if that is not certain."""
        return self._plain is not None and self._times() == self._plain

    def is_local(self) -> bool:
        """Return whether the directory is on a local file system, so `is_still_plain` never waits.

        It is found out by `find_place`.
        """
        return bool(self._is_local)

    def find_place(self) -> None:
        """Find out on what file system the directory is; this may wait for the disk."""
        if self._is_local is None:
            from ucspi.unix.cachedstat import is_local
            from ucspi.unix.procfiles import mount_of

            self._is_local = is_local(mount_of(self._folder))

    def _times(self) -> tuple[int, int]:
        """Return when the directory was changed last: a name came or went then.  Zeros: out of reach."""
        try:
            found = os.stat(self._folder)
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_ctime_ns

    def _has(self, name: bytes) -> bool:
        try:
            os.stat(name, dir_fd=self._folder, follow_symlinks=False)
        except OSError:
            return False
        return True
