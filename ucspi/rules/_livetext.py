"""A text of rules that judges clients as it stands, without being compiled to a file.

A text with an error or a warning is not used; the last good one goes on judging.
The file is read twice a second, not for each client, because a change counts
only after some time: see `_textfile`.  A text of more than a few lines is
compiled in a thread.
"""

import errno
import os
import time

from ucspi.errors import CdbTooLargeError
from ucspi.rules._checkinput import require_bytes
from ucspi.rules._diagnostic import Diagnostic
from ucspi.rules._lookup import RuleSet, Verdict
from ucspi.rules._patientreader import GOING_ON, NOBODY, PatientReader
from ucspi.rules._textfile import QUIET, TextFile, reread
from ucspi.unix.cachedstat import state_in
from ucspi.unix.errtext import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EVERY = 0.5  # seconds between two reads
SMALL = 2048  # bytes that are compiled in a few milliseconds
PATIENCE = 3.0  # seconds that a read may take before a line says so


class LiveText:
    """The rules in a text file, always as they last were without a fault."""

    __slots__ = (
        "_due",
        "_glimpse",
        "_lines",
        "_log",
        "_logged_errno",
        "_numbered",
        "_reader",
        "_rules",
        "_text_file",
        "path",
    )

    def __init__(self, path: bytes, log: "Callable[[bytes], object]", *, numbered: bool = False) -> None:
        """Name the file; `load` must come before `judge`.

        Args:
            path: resolved anew for every read.
            log: called with a line, once for each state of the file that is not used.
            numbered: whether `line_of` shall know the lines, which takes memory.
        """
        require_bytes("path", path)
        self.path, self._log, self._numbered = path, log, numbered
        self._reader = PatientReader(path, SMALL, log)
        self._rules: RuleSet | None = None
        self._lines: dict[bytes, int] = {}
        self._text_file = TextFile()
        self._glimpse: bytes | None = None  # as long as a glance returns this, the file is not read again
        self._logged_errno: int | None = 0  # of the last error that was logged
        self._due = 0.0  # when to read again, on the steady clock

    def load(self) -> "list[Diagnostic]":
        """Read the file as it is now; return what is wrong with it, in line order.

        The file is used if nothing is wrong with it.  A disk that does not
        answer is waited for; signal handlers run meanwhile.

        Raises:
            OSError: it is missing, unreadable, not a regular file, too long
                (EFBIG), or does not fit into memory (ENOMEM).
            CdbTooLargeError: there are more rules than can be judged by.
        """
        reader = self._reader
        text_file = reader.read(reader.glance(), lambda: self._reread(TextFile(), at_once=True), PATIENCE)
        if text_file is None:
            reader.log_if_late(0.0, NOBODY)
            reader.wait(-1)
            text_file = reader.take_result()
        self._use(text_file)
        if text_file.trouble == describe(errno.ENOMEM):
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), self.path)
        if text_file.trouble:
            raise CdbTooLargeError(text_file.trouble.decode())
        return text_file.problems

    def begin(self, wake: "Callable[[], object]", descriptor: int | None = None) -> None:
        """Have ``wake`` called, in a thread, when a text was compiled there.

        A ``descriptor``, the only one above 2 that ``wake`` needs, lets the thread
        have a table of descriptors of its own, so that no child has a copy of a
        file that hangs.
        """
        self._reader.set_wake(wake, descriptor)

    def is_ready(self) -> bool:
        """Return True: `load` has returned before clients come."""
        return True

    def deadline(self) -> float:
        """Return when `attend` is to be called, on the steady clock."""
        return self._due

    def attend(self) -> None:
        """Read the file if it is time to; a new text counts after it has been the same for a second."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + EVERY
        try:
            self._attend()
        except OSError as error:
            # It is tried again the next time, but logged once.
            self._glimpse = None
            if self._logged_errno != error.errno:
                self._logged_errno = error.errno
                self._log_unused(self.path + b": " + describe(error.errno))

    def judge(self, ip: bytes, host: bytes | None = None, info: bytes | None = None) -> Verdict:
        """Decide about one client by the last good text; see `RuleSet.judge`."""
        self.attend()
        assert self._rules is not None, "load comes first"
        return self._rules.judge_again(ip, host, info)

    def denies_again(self, ip: bytes) -> bool:
        """Return whether an address is denied, as far as the rules of the last `judge` remember it.

        See `RuleSet.denies_again`; nothing is read.
        """
        return self._rules is not None and self._rules.denies_again(ip)

    def judge_certificate(self, fingerprint: bytes | None, names: "Sequence[bytes]" = ()) -> Verdict:
        """Decide about one certificate by the last good text; see `RuleSet.judge_certificate`."""
        self.attend()
        assert self._rules is not None, "load comes first"
        return self._rules.judge_certificate(fingerprint, names)

    def line_of(self, rule: bytes | None) -> int | None:
        """Return the line, from 1, of a rule that the last `judge` decided by; None when unknown."""
        return None if rule is None else self._lines.get(rule)

    def _attend(self) -> None:
        glimpse = self._reader.glance()
        if glimpse is not None and glimpse == self._glimpse:
            self._logged_errno = 0
            return
        before = self._text_file
        text_file = self._reader.read(glimpse, lambda: self._reread(before, at_once=False), 0.0)
        if text_file is None:
            self._reader.log_if_late(PATIENCE, GOING_ON)
            return
        self._logged_errno = 0
        will_do = glimpse is not None and text_file.is_settled and state_in(glimpse) == text_file.state
        self._glimpse = glimpse if will_do else None
        self._use(text_file)
        if not text_file.counts:
            self._due = min(self._due, text_file.seen_since + QUIET)
        if text_file.problems:
            more = b" (and %d more)" % (len(text_file.problems) - 1) if len(text_file.problems) > 1 else b""
            self._log_unused(text_file.problems[0].text(self.path) + more)
        elif text_file.trouble:
            self._log_unused(self.path + b": " + text_file.trouble)
        text_file.problems, text_file.trouble = [], b""

    def _reread(self, before: TextFile, *, at_once: bool) -> TextFile:
        return reread(self.path, before, at_once=at_once, numbered=self._numbered)

    def _use(self, text_file: TextFile) -> None:
        """Use the rules that a text has, and keep no more of it than the next read needs."""
        self._text_file = text_file
        if text_file.rules is not None:
            self._rules, self._lines = text_file.rules, text_file.lines
            text_file.rules = None

    def _log_unused(self, line: bytes) -> None:
        self._log(line + b"; the last good rules stay")
