"""Rules text that is judged by as it stands, without compiling it to a file.

It is always read strictly: text with anything odd in it is not used, and what
was good before goes on judging.  The file is looked at twice a second rather
than for each client, since when a change may count is a matter of time: see
`_textfile`.  A text of more than a few lines is compiled in a thread.
"""

import errno
import os
import time

from ucspi.errors import CdbTooLargeError
from ucspi.rules._checkinput import require_bytes
from ucspi.rules._diagnostic import Diagnostic
from ucspi.rules._lookup import RuleSet, Verdict
from ucspi.rules._patientreader import GOING_ON, NOBODY, FileWatch
from ucspi.rules._textfile import QUIET, Sight, look
from ucspi.unix.cachedstat import state_in
from ucspi.unix.errtext import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

EVERY = 0.5  # seconds between two looks
SMALL = 2048  # bytes that are compiled in a few milliseconds
PATIENCE = 3.0  # seconds after which a text that is still being read is told of


class LiveText:
    """The rules in a text file, always as they last were without a fault."""

    __slots__ = (
        "_due",
        "_glimpse",
        "_lines",
        "_numbered",
        "_rules",
        "_sight",
        "_tell",
        "_trouble",
        "_watch",
        "path",
    )

    def __init__(self, path: bytes, tell: "Callable[[bytes], object]", *, numbered: bool = False) -> None:
        """Name the file; `load` must come before `judge`.

        Args:
            path: looked up anew for every look.
            tell: called with a line, once, when a new state of the file is not used.
            numbered: let `line_of` know the lines, which costs memory.
        """
        require_bytes("path", path)
        self.path, self._tell, self._numbered = path, tell, numbered
        self._watch = FileWatch(path, SMALL, tell)
        self._rules: RuleSet | None = None
        self._lines: dict[bytes, int] = {}
        self._sight = Sight()
        self._glimpse: bytes | None = None  # of the file as it was seen, once it is known by that
        self._trouble: int | None = 0  # the errno that was told last
        self._due = 0.0  # when to look again, on the steady clock

    def load(self) -> "list[Diagnostic]":
        """Read the file as it is now; return what is wrong with it, in which case it is not used.

        A disk that does not answer is waited for; signal handlers run meanwhile.

        Raises:
            OSError: it is missing, unreadable, not a regular file, too long
                (EFBIG), or does not fit into memory (ENOMEM).
            CdbTooLargeError: there are more rules than can be judged by.
        """
        sight = self._watch.look(self._watch.glance(), lambda: self._look(Sight(), at_once=True), PATIENCE)
        if sight is None:
            self._watch.complain(0.0, NOBODY)
            self._watch.wait(-1)
            sight = self._watch.take()
        self._see(sight)
        if sight.trouble == describe(errno.ENOMEM):
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), self.path)
        if sight.trouble:
            raise CdbTooLargeError(sight.trouble.decode())
        return sight.problems

    def begin(self, wake: "Callable[[], object]") -> None:
        """Have ``wake`` called, in a thread, when a text was compiled there."""
        self._watch.begin(wake)

    def is_ready(self) -> bool:
        """Return True: see `load`."""
        return True

    def deadline(self) -> float:
        """Return when `attend` has something to do, on the steady clock."""
        return self._due

    def attend(self) -> None:
        """Look at the file if it is time; a new text counts after it was seen for a second."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + EVERY
        try:
            self._attend()
        except OSError as error:
            # Tried again the next time, but told once.
            self._glimpse = None
            if self._trouble != error.errno:
                self._trouble = error.errno
                self._complain(self.path + b": " + describe(error.errno))

    def judge(self, ip: bytes, host: bytes | None = None, info: bytes | None = None) -> Verdict:
        """Decide about one client by the last good text; see `RuleSet.judge`."""
        self.attend()
        assert self._rules is not None, "load comes first"
        return self._rules.judge(ip, host, info)

    def line_of(self, rule: bytes | None) -> int | None:
        """Return the line, from 1, of a rule that the last `judge` decided by; None when unknown."""
        return None if rule is None else self._lines.get(rule)

    def _attend(self) -> None:
        glimpse = self._watch.glance()
        if glimpse is not None and glimpse == self._glimpse:
            self._trouble = 0
            return
        before = self._sight
        sight = self._watch.look(glimpse, lambda: self._look(before, at_once=False), 0.0)
        if sight is None:
            self._watch.complain(PATIENCE, GOING_ON)
            return
        self._trouble = 0
        is_known = glimpse is not None and sight.is_settled and state_in(glimpse) == sight.state
        self._glimpse = glimpse if is_known else None
        self._see(sight)
        if not sight.counts:
            self._due = min(self._due, sight.since + QUIET)
        if sight.problems:
            more = b" (and %d more)" % (len(sight.problems) - 1) if len(sight.problems) > 1 else b""
            self._complain(sight.problems[0].text(self.path) + more)
        elif sight.trouble:
            self._complain(self.path + b": " + sight.trouble)
        sight.problems, sight.trouble = [], b""

    def _look(self, before: Sight, *, at_once: bool) -> Sight:
        return look(self.path, before, at_once=at_once, numbered=self._numbered)

    def _see(self, sight: Sight) -> None:
        """Take what came of a look, and keep no more of it than the next one needs."""
        self._sight = sight
        if sight.rules is not None:
            self._rules, self._lines = sight.rules, sight.lines
            sight.rules = None

    def _complain(self, line: bytes) -> None:
        self._tell(line + b"; the last good rules stay")
