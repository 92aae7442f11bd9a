"""Our OOM score: whether we or others are killed when memory runs out.

Our interpreter is larger than many a handler.  In a control group with a memory
limit the kernel would therefore kill the server first, and the service with it.
As root we lower our own score (``oom_score_adj``), and every program that we start
gets the old one.

The score belongs to all processes that share memory.  A child that is waited for,
or that shares no memory, writes its own score before its exec.  A spawned handler
shares our memory, and the server does not wait for its exec, so a thread waits
(``system/handlerchild.c``).  That takes longer.  So if more than `BURST` handlers
come at once, or more than `RATE` a second, the server itself takes the old score,
and handlers inherit it.  The server keeps it until the last of them has executed.
It may take long until that is noticed, and each change makes the kernel look at
all processes, so the server does not hurry: while handlers come by the hundred a
second, it has the same score as they.
"""

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LOW = b"-882"  # of -1000 to 1000, where -1000 cannot be killed at all
REST = 0.005  # seconds without a new child until the score is lowered again,
SHARE = 50  # or so many times as long as the last change took, if that is longer
BURST, RATE = 50, 50  # children at once, and children a second, for which the score stays low
_LOW_COARSE = b"-15"  # the same for oom_adj, which does not change how low children may set theirs
_SCORE = b"/proc/self/oom_score_adj"
_COARSE = b"/proc/self/oom_adj"

given = b""  # the score that we were started with, and that children get; empty: ours is not lowered
own = b""  # our lowered score
is_taken = False  # a child may write its own score before its exec
file = -1  # our score file, open for writing, for after a change of user only root may open it


def shield() -> None:
    """Lower our score if we are root and the system lets us, so that others are killed first."""
    global given, own
    if os.geteuid() != 0:
        return
    try:
        before = _read()
        if int(before) > int(LOW):
            own = _lower(int(before))
            given = before if own else b""
    except (OSError, ValueError):
        pass  # there is no /proc: the score stays as it is


def keep_open(*, changes_user: bool) -> None:
    """Keep our score file open, for children that share our memory.

    Args:
        changes_user: we shall lose the right to lower our score.  So that has to be
            allowed now, and our children inherit the permission.
    """
    global file, is_taken
    if not given:
        return
    if changes_user and own == LOW:
        _write(_SCORE, LOW)
    file, is_taken = os.open(_SCORE, os.O_WRONLY | os.O_CLOEXEC), not changes_user


def _lower(before: int) -> bytes:
    """Lower the score as far as we may; return the new one, empty if it cannot be lowered."""
    if _write(_COARSE, _LOW_COARSE) or _write(_SCORE, LOW):
        return LOW
    return b"0" if before > 0 and _write(_SCORE, b"0") else b""


def take_back() -> None:
    """Set the old score, in a child that does not share our memory."""
    if given:
        _write(_SCORE, given)


def lower_again() -> None:
    """Lower our score again, after children that shared our memory set the old one for us, too."""
    if given:
        _lower(int(given))


class Shield:
    """Decides when our score is lowered, and when we have the old one, so that children inherit it.

    Attributes:
        due: when `close` is to be called, in monotonic seconds; None while the score is lowered.
    """

    __slots__ = ("_is_quiet", "_patience", "_rest", "_seen", "_tokens", "due")

    def __init__(self) -> None:
        """Begin with the lowered score, if `keep_open` has its file open."""
        self._rest = self._patience = REST
        self._is_quiet = False  # no child was preparing at the last look
        self._tokens, self._seen = float(BURST), time.monotonic()
        self.due: float | None = None

    def holds(self) -> bool:
        """Return whether the score stays lowered for the next child, which then takes longer to start."""
        if file < 0 or self.due is not None:
            return False
        now = time.monotonic()
        self._tokens, self._seen = min(BURST, self._tokens + RATE * (now - self._seen)), now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def open(self) -> None:
        """Set the old score, before a child is made that inherits it."""
        if file < 0:
            return
        if self.due is None:
            os.write(file, given)
        self.due, self._patience = time.monotonic() + self._rest, self._rest
        self._is_quiet = False

    def close(self, is_preparing: "Callable[[], bool]") -> None:
        """Lower the score again if it is due and no child shares our memory any more."""
        begin = time.monotonic()
        if self.due is None or begin < self.due:
            return
        if is_preparing():  # a child may wait for a long time if nobody reads the log
            self._patience = min(2 * self._patience, 1.0)
            self.due, self._is_quiet = begin + self._patience, False
            return
        if not self._is_quiet:  # during its exec a child still shares our memory for a moment
            self.due, self._is_quiet = begin + self._rest, True
            return
        os.write(file, own)
        self._rest = max(REST, SHARE * (time.monotonic() - begin))
        self.due = None


def _read() -> bytes:
    number = os.open(_SCORE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(number, 32).strip()
    finally:
        os.close(number)


def _write(path: bytes, score: bytes) -> bool:
    try:
        number = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.write(number, score)
        return True
    except OSError:
        return False
    finally:
        os.close(number)
