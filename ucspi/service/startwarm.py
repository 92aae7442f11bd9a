"""Starting supervisors warm: from a stem, if the ``supervise`` that PATH has is for certain our own.

An original, or a ``supervise`` of another version, must be executed for each service.
So the files that decide are looked at for each service: those that PATH leads to, and
those of our package.  If anything is not plainly as it was, the supervisor is
executed.  So it is when the stem does not answer.
"""

import os
from time import monotonic

from ucspi.service.stem import NAME_MAX, LostError, Stem
from ucspi.unix.cachedstat import CachedStat
from ucspi.unix.chain import MISSING, Seen, TooNewError, look_for
from ucspi.unix.launchers import Launchers, own
from ucspi.unix.output import say_soon

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

COMMAND: "Final" = (b"supervise", b"programs.supervise")
BEGIN: "Final" = 5.0  # seconds that the first supervisor waits for the stem; executed, it would take as long
SOON, LATE = 1.0, 60.0  # seconds until another stem is tried, at first and at most
_PACKAGE = __file__.encode("utf-8", "surrogateescape").rpartition(b"/service/")[0]
_FILES = tuple(_PACKAGE + name for name in (b"/_begin.py", b"/_packed.bin", b"/programs/supervise.py"))


class WarmStarter:
    """Starts supervisors through a stem, where that is certain to be right."""

    __slots__ = (
        "_environ",
        "_glances",
        "_launchers",
        "_next",
        "_open_files",
        "_package",
        "_paths",
        "_patience",
        "_seen",
        "_stem",
        "_wait",
    )

    def __init__(self, paths: list[bytes], environ: list[bytes], open_files: int) -> None:
        """Start no stem yet: it inherits which signals we catch when the first supervisor is started.

        Args:
            paths: the files to try for ``supervise``.
            environ: see `stem.Stem`.
            open_files: see there.
        """
        self._paths, self._environ, self._open_files = paths, environ, open_files
        self._launchers: Launchers | None = own(b"svscan", b"programs.svscan")
        self._glances = {path: CachedStat(path) for path in (*paths, *_FILES)}
        self._package = self._look_at(_FILES)
        self._stem: Stem | None = None
        self._seen: list[Seen] = []
        self._patience = BEGIN  # for the first of all
        self._next, self._wait = 0.0, SOON

    def start(self, name: bytes, path: bytes, parent: int, given: int, taken: int) -> int | None:
        """Start a supervisor; return its pid, or None if it must be executed.

        Args:
            name: see `stem.Stem.supervise`, as for all others.
            path: see there.
            parent: see there.
            given: see there.
            taken: see there.

        Raises:
            OSError: no process can be made.
        """
        if len(name) > NAME_MAX or not self._is_certain() or self._stem is None:
            return None
        try:
            patience, self._patience = self._patience, 0.0
            self._stem.await_ready(patience)
            if not self._stem.is_ready:
                return None
            pid = self._stem.supervise(name, path, parent, given, taken)
        except LostError:
            self._lose()
            return None
        if self._stem.has_ended():
            self._lose()
        else:
            self._wait = SOON
        return pid

    def _is_certain(self) -> bool:
        """Return whether a stem does what executing would do; start one if there is none."""
        seen = self._look()
        if self._stem is not None and not _are_alike(seen, self._seen):
            self._stem.close()
            self._stem = None
        if self._stem is None and seen and monotonic() >= self._next:
            try:
                self._stem, self._seen = Stem(self._paths, self._environ, self._open_files), seen
            except OSError:
                self._delay()
        return self._stem is not None

    def _lose(self) -> None:
        """Do without a stem for a while."""
        assert self._stem is not None
        if self._stem.is_ready:
            say_soon(
                b"svscan: warning: the stem of supervise was killed or does not answer; starting another"
            )
        self._stem.kill()
        self._stem.close()
        self._stem = None
        self._delay()

    def _delay(self) -> None:
        self._next, self._wait = monotonic() + self._wait, min(2 * self._wait, LATE)

    def _look(self) -> list[Seen]:
        """Return all that decides whether a stem is right; nothing if it is not, or that is uncertain."""
        if self._launchers is None or not self._package:
            return []
        package = self._look_at(_FILES)
        found = look_for(self._paths, self._glance_absolute)
        if not found or not _are_alike(package, self._package):
            return []  # the package is not the one that we are
        if self._stem is None or not found[-1].is_like(self._seen[len(found) - 1]):
            try:
                if self._launchers.command_in(found[-1]) != COMMAND:
                    return []
            except TooNewError:
                return []
        return found + package

    def _look_at(self, paths: "tuple[bytes, ...]") -> list[Seen]:
        seen = [self._glance(path) for path in paths]
        return [one for one in seen if one is not None] if None not in seen else []

    def _glance_absolute(self, path: bytes) -> Seen | None:
        """Look at a file of PATH; None where another directory may mean another file."""
        return self._glance(path) if path.startswith(b"/") else None

    def _glance(self, path: bytes) -> Seen | None:
        """Look at a path, as executing would; None: that tells nothing certain."""
        glances = self._glances[path]
        try:
            glimpse = glances.glance()
            if glimpse is None:
                os.stat(path)  # so that the kernel has it in memory
                glimpse = glances.glance()
        except OSError as error:
            return Seen(path, error.errno or 0, b"") if error.errno in MISSING else None
        return None if glimpse is None else Seen(path, 0, glimpse)


def _are_alike(some: list[Seen], others: list[Seen]) -> bool:
    return len(some) == len(others) and all(
        one.path == other.path and one.is_like(other) for one, other in zip(some, others, strict=True)
    )
