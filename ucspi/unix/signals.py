"""Signals for a loop that sleeps in poll, and threads that get no signal."""

import _signal
import posix as os
from _signal import (
    SIG_BLOCK,
    SIG_DFL,
    SIG_IGN,
    SIG_SETMASK,
    SIG_UNBLOCK,
    SIGINT,
    pthread_sigmask,
    set_wakeup_fd,
)

from ucspi.unix import inheritedstate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

ALL = _signal.valid_signals()
STACK_SIZE = 256 * 1024  # bytes of a thread; glibc's resolver and our own work need a quarter of it
TRIES = 9  # to restore a mask when memory has run out
_WAKE = b"\xff"
_NOTED: set[int] = set()  # signals that were caught by `note`, until `Wakeup.clear` returns them


def undo_interpreter() -> None:
    """Give SIGINT its default action, if CPython has installed its KeyboardInterrupt."""
    if _signal.getsignal(SIGINT) is _signal.default_int_handler:
        _signal.signal(SIGINT, SIG_DFL)


def undo_ignored(*numbers: int) -> None:
    """Give SIGPIPE and SIGXFSZ, or one of them, the action from before CPython ignored both.

    Without the launcher that is not known, and they get the default action.
    """
    for number in numbers or (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, SIG_IGN if number in inheritedstate.ignored else SIG_DFL)


class Wakeup:
    """A descriptor that becomes readable when a caught signal arrives or a thread calls `wake`."""

    __slots__ = ("_reader", "writer")

    def __init__(self) -> None:
        """Open a pipe, to which the interpreter writes on signals; one per process."""
        self._reader, self.writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        set_wakeup_fd(self.writer, warn_on_full_buffer=False)

    def fileno(self) -> int:
        """Return the descriptor to poll for reading."""
        return self._reader

    def wake(self) -> None:
        """Make the descriptor readable; safe in any thread."""
        try:
            os.write(self.writer, _WAKE)
        except BlockingIOError:
            pass  # the pipe is full, so the loop wakes anyway

    def clear(self) -> bytes:
        """Empty the pipe, before looking at what happened.

        Returns:
            A byte for each signal that `note` catches and that has arrived: its number.
            The pipe's content is not used, for a full pipe loses bytes.
        """
        try:
            os.read(self._reader, 4096)
        except BlockingIOError:
            pass
        came = bytes(_NOTED)
        _NOTED.difference_update(came)
        return came


def note(number: int) -> None:
    """Catch a signal; `Wakeup.clear` then returns it."""
    _signal.signal(number, lambda number, frame: _NOTED.add(number))


def remember(number: int) -> None:
    """Have `Wakeup.clear` return a signal that has arrived, which something else catches."""
    _NOTED.add(number)


def restore(ignored: "Sequence[int]", mask: set[int]) -> None:
    """Give a program that a forked child is about to execute the signals that it shall have.

    What CPython ignores, SIGCHLD and all that is caught get their default actions.
    Call it with every signal blocked: a signal that has come by then waits for
    the program.

    Args:
        ignored: those of SIGPIPE and SIGXFSZ that stay ignored.
        mask: the signal mask of the program.
    """
    for pending in (_signal.SIGPIPE, _signal.SIGXFSZ):  # after a failed write; ignoring them drops them
        _signal.signal(pending, SIG_IGN)
        if pending not in ignored:
            _signal.signal(pending, SIG_DFL)
    _signal.signal(_signal.SIGCHLD, SIG_DFL)
    for number in ALL:
        if _signal.getsignal(number) not in (SIG_DFL, SIG_IGN, None):
            _signal.signal(number, SIG_DFL)
    pthread_sigmask(SIG_SETMASK, mask)


def catch(number: int, handler: "Callable[[int, Any], object]") -> None:
    """Call a handler, in the main thread, when a signal has arrived."""
    _signal.signal(number, handler)


def ignore(number: int) -> None:
    """Ignore a signal from now on."""
    _signal.signal(number, SIG_IGN)


def block(number: int) -> None:
    """Block a signal from now on; one that has already arrived is handled first."""
    pthread_sigmask(SIG_BLOCK, (number,))


def unblock(number: int) -> None:
    """Unblock a signal, which our parent may have blocked."""
    pthread_sigmask(SIG_UNBLOCK, (number,))


def hold(numbers: "Iterable[int]" = ALL) -> set[int]:
    """Block all signals, or some more; return the mask for `release`.

    Raises:
        MemoryError: the mask is as before.
    """
    before = {int(number) for number in pthread_sigmask(SIG_BLOCK, ())}
    try:
        pthread_sigmask(SIG_BLOCK, numbers)
    except BaseException:
        release(before)  # the mask is set before the result is made, for which memory may be lacking
        raise
    return before


def release(mask: set[int]) -> None:
    """Set the mask that `hold` returned; signals that came meanwhile are handled here."""
    for _ in range(TRIES):
        try:
            pthread_sigmask(SIG_SETMASK, mask)
        except MemoryError:
            continue  # it may have been done or not
        return


def start_deaf_thread(body: "Callable[[], object]") -> None:
    """Start a daemon thread with a small stack, to which no signal is ever delivered.

    The thread inherits the signal mask, so all signals are blocked around the
    start; in the thread itself that would come too late.  Without a size of its own
    the stack would be as large as our limit, which ``softlimit -m`` sets to the size
    of all memory.

    Raises:
        RuntimeError, MemoryError: no thread can be made.
    """
    import _thread

    usual = _thread.stack_size(STACK_SIZE)
    try:
        before = hold()
        try:
            _thread.start_new_thread(body, ())
        finally:
            release(before)
    finally:
        _thread.stack_size(usual)
