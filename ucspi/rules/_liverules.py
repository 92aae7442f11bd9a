"""A rules file that may be replaced at any moment, read again when it is.

A glance for every client tells whether the file is still the one that was read.
If it is not known by that, it is looked at, and a new one counts for this very
client, where it is quick to read: see `FileWatch`.

A file that cannot be trusted judges nobody: every client gets the error until
the file changes.  Of one that cannot be read just now, since it is long or the
disk hangs, the rules from before judge, and as long as there are none nobody is
judged.
"""

import errno
import os
import time

from ucspi.errors import CdbFormatError
from ucspi.rules._checkinput import require_address, require_bytes, require_client
from ucspi.rules._compiledfile import COARSEST, NOTHING, SMALL, look
from ucspi.rules._lookup import NO_RULE, Verdict
from ucspi.rules._patientreader import GOING_ON, NOBODY, FileWatch
from ucspi.unix.cachedstat import size_in, state_in
from ucspi.unix.errtext import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FOR_EVER = float("inf")
START = 1.0  # seconds that a first look may take before it is told of
PATIENCE = 0.1  # seconds that a client waits for rules that are read aside


class LiveRules:
    """The rules in a file, always as they are now."""

    __slots__ = ("_error", "_found", "_glimpse", "_missing_ok", "_until", "_watch", "path")

    def __init__(
        self, path: bytes, *, missing_ok: bool = False, tell: "Callable[[bytes], object] | None" = None
    ) -> None:
        """Name the file; nothing is read before the first client, or `begin`.

        Args:
            path: looked up anew for every client.
            missing_ok: a file that does not exist allows everybody.
            tell: called with a line when reading takes long, and when it has ended.
        """
        require_bytes("path", path)
        self.path, self._missing_ok = path, missing_ok
        self._watch = FileWatch(path, SMALL, tell)
        self._found = NOTHING
        self._glimpse: bytes | None = None  # of the file as it was read, while it is known by that,
        self._until = 0.0  # which is until then, on the steady clock
        self._error: OSError | None = None  # of the last look

    def begin(self, wake: "Callable[[], object]") -> None:
        """Read the file now; ``wake`` is called, in a thread, if that took long and is done."""
        self._watch.begin(wake)
        try:
            self._refresh()
        except OSError:
            pass  # the first client is told

    def trouble(self) -> bytes:
        """Return why no client could be judged when the file was last looked at; empty if they can be."""
        if self._error is not None:
            is_allowed = self._missing_ok and self._error.errno == errno.ENOENT
            return b"" if is_allowed else describe(self._error.errno)
        return (
            b"protocol error"
            if isinstance(self._found.rules, CdbFormatError) and self._found is not NOTHING
            else b""
        )

    def is_ready(self) -> bool:
        """Return whether clients can be judged, if only by an error: not while the first look is going on."""
        return self._found is not NOTHING or not self._watch.is_looking()

    def deadline(self) -> float | None:
        """Return when `attend` has something to do, on the steady clock: None after the first look."""
        return None if self.is_ready() or self._watch.is_late else self._watch.since + START

    def attend(self) -> None:
        """Tell if the first look goes on for long; all else is done for a client."""
        if not self.is_ready():
            self._watch.complain(START, NOBODY)

    def judge(self, ip: bytes, host: bytes | None = None, info: bytes | None = None) -> Verdict:
        """Decide about one client by the file as it is now; see `RuleSet.judge`.

        Raises:
            OSError: the file is missing (unless that is allowed), unreadable,
                or not a regular file; or nothing of it could be read yet (ETIMEDOUT).
            CdbFormatError: it is damaged, wherever that is.
        """
        require_client(ip, host, info)
        try:
            self._refresh()
        except FileNotFoundError:
            if self._missing_ok:
                require_address(ip)
                return NO_RULE
            raise
        rules = self._found.rules
        if isinstance(rules, CdbFormatError):
            raise rules.with_traceback(None)  # else it grows with every client
        return rules.judge(ip, host, info)

    def line_of(self, rule: bytes | None) -> int | None:
        """Return None: compiled rules do not know their lines."""
        return None

    def _refresh(self) -> None:
        try:
            glimpse = self._watch.glance()
            if glimpse is None or glimpse != self._glimpse or time.monotonic() >= self._until:
                self._look(glimpse)
            else:
                self._watch.abandon()  # what is being read is of a file that has gone again
        except TimeoutError:
            raise  # nothing is known yet, so nothing is wrong
        except OSError as error:
            self._error, self._glimpse = error, None
            raise

    def _look(self, glimpse: bytes | None) -> None:
        try:
            self._look_once(glimpse)
        except MemoryError:
            # It does not fit beside what it replaces, which is out of date: alone it may.
            self._found, self._glimpse = NOTHING, None
        else:
            return
        # Not in the handler: the error would hold what it was raised beside.
        try:
            self._look_once(glimpse)
        except MemoryError:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), self.path) from None

    def _look_once(self, glimpse: bytes | None) -> None:
        if self._watch.is_looked_at():
            self._take()
        known = self._found
        found = self._watch.look(glimpse, lambda: look(self.path, known), PATIENCE)
        if found is None:
            is_news = glimpse is None or state_in(glimpse) != known.state
            self._go_on(is_news)
            return
        self._found, self._error, self._glimpse = found, None, None
        if glimpse is not None and state_in(glimpse) == found.state:
            self._trust(glimpse)

    def _trust(self, glimpse: bytes) -> None:
        """Let the file be known by a glimpse: as long as it likes, or until a long one is compared."""
        if self._found.is_settled:
            self._glimpse, self._until = glimpse, FOR_EVER
        elif size_in(glimpse) > SMALL:
            self._glimpse, self._until = glimpse, self._found.since + COARSEST

    def _take(self) -> None:
        """Take what was found since the last client, though there may be something newer by now."""
        self._glimpse = None  # it was of what was found before
        try:
            self._found, self._error = self._watch.take(), None
        except OSError as error:
            self._error = error

    def _go_on(self, is_news: bool) -> None:
        """Judge by what was found before, while the file is being read, or compared, which is no news."""
        if self._error is not None and not (self._missing_ok and self._error.errno == errno.ENOENT):
            raise self._error.with_traceback(None)
        if self._found is NOTHING:
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT), self.path)
        if is_news:
            self._watch.complain(0.0, GOING_ON)
