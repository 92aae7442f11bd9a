"""Optional small files in a service directory, by which a service asks for more than daemontools 0.76 does.

Names and meanings are those of s6 and runit, so that a directory made for them works
here.  ``backoff`` and the flags ``-finish-runit``, ``-permanent-100`` and
``-notify-socket`` are ours.  A directory without any of them is *plain*: nothing
differs from 0.76 then.

What a file says wrongly is one line on standard error, and the default holds.

Source: skarnet.org/software/s6/servicedir.html; runsv(8), sv(8); decided here for the rest.
"""

import os

from ucspi.service.wishes import PLAIN, Wishes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from ucspi.service.optionalvalues import OptionalValues

# Also in cdbext/system/servicefiles.c.
NAMES: "Final" = (
    b"backoff",
    b"check",
    b"down-signal",
    b"finish",
    b"flag-finish-runit",
    b"flag-notify-socket",
    b"flag-permanent-100",
    b"flag-timeout-killpg",
    b"max-death-tally",
    b"notification-fd",
    b"timeout-finish",
    b"timeout-kill",
)


class OptionalFiles:
    """The files of one directory."""

    __slots__ = ("_folder", "_limit", "_name", "_values", "_warn")

    def __init__(
        self, name: bytes, folder: int, warn: "Callable[[bytes], object]", limit: "Callable[[], int]"
    ) -> None:
        """Take what is read.

        Args:
            name: of the directory, for messages.
            folder: a descriptor of it.
            warn: prints a warning.
            limit: returns the number that all descriptors of the service are below.
        """
        self._name, self._folder, self._warn, self._limit = name, folder, warn, limit
        self._values: OptionalValues | None = None

    def read(self) -> Wishes:
        """Return what the service asks for now; this may wait for the disk."""
        there = [name for name in NAMES if os.access(name, os.F_OK, dir_fd=self._folder)]
        if not there:
            return PLAIN
        if self._values is None:
            from ucspi.service.optionalvalues import OptionalValues

            self._values = OptionalValues(self._name, self._folder, self._warn)
        return self._values.read(there, self._limit())
