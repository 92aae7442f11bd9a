"""Who is killed when memory runs out.

Our interpreter is larger than many a handler, so in a control group with a limit
the kernel would kill the server first, and the service with it.  As root we lower
our own score (``oom_score_adj``), and whatever we start is given the old one.

The score belongs to all who share memory.  So a child that is waited for, or that
shares none, writes its own before it executes.  A handler that is spawned shares
ours and is not waited for, so its exec is waited for by a thread (``system/handlerchild.c``).
That takes longer, so for more than `BURST` at once, or `RATE` a second, handlers
inherit the old score, and for that we take it ourselves until the last of them has
executed.  That may be long before we have noticed, and each change makes the kernel
look at all processes, so we do not hurry: a server is on a par with its handlers
while they come by the hundred a second.
"""

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LOW = b"-882"  # of -1000 to 1000, where -1000 cannot be killed at all
REST = 0.005  # seconds without a new child until the score is lowered again,
SHARE = 50  # or so many times as long as it takes
BURST, RATE = 50, 50  # children, and children a second, while the score stays low
_LOW_COARSE = b"-15"  # the same in oom_adj, which leaves it alone how low our children may put theirs
_SCORE = b"/proc/self/oom_score_adj"
_COARSE = b"/proc/self/oom_adj"

given = b""  # the score of our children, with which we were started; empty: ours is not lowered
own = b""  # the score that we have then
is_taken = False  # whether a child may write its own before it executes
file = -1  # ours, open for writing, for nobody but root may open it after a change of the user


def shield() -> None:
    """Lower our score, as root and if the system lets us: others are killed before us."""
    global given, own
    if os.geteuid() != 0:
        return
    try:
        before = _read()
        if int(before) > int(LOW):
            own = _lower(int(before))
            given = before if own else b""
    except (OSError, ValueError):
        pass  # no /proc: all is as it was


def keep_open(*, changes_user: bool) -> None:
    """Be able to change our score again and again, for children that share our memory.

    Args:
        changes_user: whether we shall have no right to lower it.  Then it has to be
            allowed now, and our children inherit that, too.
    """
    global file, is_taken
    if not given:
        return
    if changes_user and own == LOW:
        _write(_SCORE, LOW)
    file, is_taken = os.open(_SCORE, os.O_WRONLY | os.O_CLOEXEC), not changes_user


def _lower(before: int) -> bytes:
    """Lower it as far as we may; return what it is then, or nothing."""
    if _write(_COARSE, _LOW_COARSE) or _write(_SCORE, LOW):
        return LOW
    return b"0" if before > 0 and _write(_SCORE, b"0") else b""


def take_back() -> None:
    """Take the old score, in a child of ours that shares no memory with us."""
    if given:
        _write(_SCORE, given)


def lower_again() -> None:
    """Lower our score, after children that shared our memory, and so our score, took the old one."""
    if given:
        _lower(int(given))


class Shield:
    """Our lowered score, and when we go without it, so that children inherit the old one.

    Attributes:
        due: when `close` is to be called, in monotonic seconds; None while it is lowered.
    """

    __slots__ = ("_is_quiet", "_patience", "_rest", "_seen", "_tokens", "due")

    def __init__(self) -> None:
        """Begin with it lowered, if `keep_open` could."""
        self._rest = self._patience = REST
        self._is_quiet = False  # no child was preparing when we last looked
        self._tokens, self._seen = float(BURST), time.monotonic()
        self.due: float | None = None

    def holds(self) -> bool:
        """Return whether it stays lowered for a child that is made now, which takes longer."""
        if file < 0 or self.due is not None:
            return False
        now = time.monotonic()
        self._tokens, self._seen = min(BURST, self._tokens + RATE * (now - self._seen)), now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def open(self) -> None:
        """Take the old score; call it before a child is made that inherits it."""
        if file < 0:
            return
        if self.due is None:
            os.write(file, given)
        self.due, self._patience = time.monotonic() + self._rest, self._rest
        self._is_quiet = False

    def close(self, is_preparing: "Callable[[], bool]") -> None:
        """Lower it again if it is time, and no child has it from us any more."""
        begin = time.monotonic()
        if self.due is None or begin < self.due:
            return
        if is_preparing():  # for as long as nobody reads the log
            self._patience = min(2 * self._patience, 1.0)
            self.due, self._is_quiet = begin + self._patience, False
            return
        if not self._is_quiet:  # a child that is executing still shares our memory for a moment
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
