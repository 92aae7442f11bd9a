"""A file of compiled rules that may be replaced at any moment, and is then read again.

For every client a glance at the file tells whether it is still the one that was
read.  If a glance cannot tell, the file is read.  A new file that is quick to
read (see `PatientReader`) counts for this very client.

If the file is damaged, nobody is judged: every client gets the error until the
file changes.  If the file cannot be read now, because it is long or the disk
hangs, the rules from before judge.  If there are none yet, nobody is judged.
"""

import errno
import os
import time

from ucspi.errors import CdbFormatError
from ucspi.rules._checkinput import require_address, require_bytes, require_client
from ucspi.rules._compiledfile import COARSEST, NOT_READ, SMALL, reread
from ucspi.rules._lookup import NO_RULE, RuleSet, Verdict
from ucspi.rules._patientreader import GOING_ON, NOBODY, PatientReader
from ucspi.unix.cachedstat import size_in, state_in
from ucspi.unix.errtext import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FOR_EVER = float("inf")
START = 1.0  # seconds that the first read may take before a line says so
PATIENCE = 0.1  # seconds that a client waits for rules that are read in a thread


class LiveRules:
    """The rules in a compiled file, always as they are now."""

    __slots__ = ("_error", "_file", "_glimpse", "_glimpse_until", "_missing_ok", "_reader", "path")

    def __init__(
        self, path: bytes, *, missing_ok: bool = False, log: "Callable[[bytes], object] | None" = None
    ) -> None:
        """Name the file; nothing is read before the first client, or `begin`.

        Args:
            path: resolved anew for every client.
            missing_ok: whether a file that does not exist allows everybody.
            log: called with a line when reading takes long, and when such a read has ended.
        """
        require_bytes("path", path)
        self.path, self._missing_ok = path, missing_ok
        self._reader = PatientReader(path, SMALL, log)
        self._file = NOT_READ
        self._glimpse: bytes | None = None  # as long as a glance returns this, the file is not read again,
        self._glimpse_until = 0.0  # until then at most, on the steady clock
        self._error: OSError | None = None  # of the last read

    def begin(self, wake: "Callable[[], object]", descriptor: int | None = None) -> None:
        """Read the file now; ``wake`` is called, in a thread, whenever a read in a thread has ended.

        A ``descriptor``, the only one above 2 that ``wake`` needs, lets the thread
        have a table of descriptors of its own, so that no child has a copy of a
        file that hangs.
        """
        self._reader.set_wake(wake, descriptor)
        try:
            self._refresh()
        except OSError:
            pass  # the first client gets it

    def trouble(self) -> bytes:
        """Return why no client could be judged after the last read; empty if clients could be."""
        if self._error is not None:
            is_allowed = self._missing_ok and self._error.errno == errno.ENOENT
            return b"" if is_allowed else describe(self._error.errno)
        is_damaged = isinstance(self._file.rules, CdbFormatError) and self._file is not NOT_READ
        return b"protocol error" if is_damaged else b""

    def is_ready(self) -> bool:
        """Return whether `judge` has an answer, be it an error; False while the first read is going on."""
        return self._file is not NOT_READ or not self._reader.is_reading()

    def deadline(self) -> float | None:
        """Return when `attend` is to be called, on the steady clock; None after the first read."""
        return None if self.is_ready() or self._reader.is_late else self._reader.started + START

    def attend(self) -> None:
        """Log if the first read takes long; everything else is done when a client is judged."""
        if not self.is_ready():
            self._reader.log_if_late(START, NOBODY)

    def judge(self, ip: bytes, host: bytes | None = None, info: bytes | None = None) -> Verdict:
        """Decide about one client by the file as it is now; see `RuleSet.judge`.

        Raises:
            OSError: the file is missing (unless ``missing_ok``), unreadable or
                not a regular file, or the first read is still going on (ETIMEDOUT).
            CdbFormatError: the file is damaged anywhere.
            BadAddressError: ``ip`` is no address.
        """
        require_client(ip, host, info)
        rules = self._rules_now()
        if rules is None:
            require_address(ip)
            return NO_RULE
        return rules.judge_again(ip, host, info)

    def denies_again(self, ip: bytes) -> bool:
        """Return whether an address is denied, as far as the rules of the last `judge` remember it.

        See `RuleSet.denies_again`; nothing is read.
        """
        rules = self._file.rules
        return not isinstance(rules, CdbFormatError) and rules.denies_again(ip)

    def judge_certificate(self, fingerprint: bytes | None, names: "Sequence[bytes]" = ()) -> Verdict:
        """Decide about one certificate by the file as it is now; see `RuleSet.judge_certificate`.

        It raises as `judge` does, and a ValueError for what is no fingerprint.
        """
        rules = self._rules_now()
        return NO_RULE if rules is None else rules.judge_certificate(fingerprint, names)

    def line_of(self, rule: bytes | None) -> int | None:
        """Return None: a compiled file does not have the numbers of its lines."""
        return None

    def _rules_now(self) -> RuleSet | None:
        """Return the rules as they are now, None if there is no file and need not be one."""
        try:
            self._refresh()
        except FileNotFoundError:
            if self._missing_ok:
                return None
            raise
        rules = self._file.rules
        if isinstance(rules, CdbFormatError):
            raise rules.with_traceback(None)  # else the traceback grows with every client
        return rules

    def _refresh(self) -> None:
        try:
            glimpse = self._reader.glance()
            if glimpse is None or glimpse != self._glimpse or time.monotonic() >= self._glimpse_until:
                self._reread(glimpse)
            else:
                self._reader.abandon()  # it reads a file that was there for a moment only
        except TimeoutError:
            raise  # the first read is going on, which is no error of the file
        except OSError as error:
            self._error, self._glimpse = error, None
            raise

    def _reread(self, glimpse: bytes | None) -> None:
        try:
            self._reread_once(glimpse)
        except MemoryError:
            # The new file may fit once the old one, which is out of date, is dropped.
            self._file, self._glimpse = NOT_READ, None
        else:
            return
        # Not inside the except block, where the error keeps the old file in memory.
        try:
            self._reread_once(glimpse)
        except MemoryError:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), self.path) from None

    def _reread_once(self, glimpse: bytes | None) -> None:
        if self._reader.has_result():
            self._take_result()
        known = self._file
        file = self._reader.read(glimpse, lambda: reread(self.path, known), PATIENCE)
        if file is None:
            may_be_new = glimpse is None or state_in(glimpse) != known.state
            self._keep_old_rules(may_be_new)
            return
        self._file, self._error, self._glimpse = file, None, None
        if glimpse is not None and state_in(glimpse) == file.state:
            self._trust(glimpse)

    def _trust(self, glimpse: bytes) -> None:
        """Let a glance do from now on: for ever, or for a long file until its bytes are compared once."""
        if self._file.is_settled:
            self._glimpse, self._glimpse_until = glimpse, FOR_EVER
        elif size_in(glimpse) > SMALL:
            self._glimpse, self._glimpse_until = glimpse, self._file.seen_since + COARSEST

    def _take_result(self) -> None:
        """Take what a thread has read since the last client; it may be out of date again."""
        self._glimpse = None  # it was of the file before
        try:
            self._file, self._error = self._reader.take_result(), None
        except OSError as error:
            self._error = error

    def _keep_old_rules(self, may_be_new: bool) -> None:
        """Go on with the rules from before while a thread reads the file; log it if the file may be new.

        Raises:
            OSError: the last read failed, or there are no rules yet.
        """
        if self._error is not None and not (self._missing_ok and self._error.errno == errno.ENOENT):
            raise self._error.with_traceback(None)
        if self._file is NOT_READ:
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT), self.path)
        if may_be_new:
            self._reader.log_if_late(0.0, GOING_ON)
