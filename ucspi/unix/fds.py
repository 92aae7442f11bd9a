"""Descriptors 0, 1 and 2, which must never be something else by accident."""

import errno
import posix as os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# Errors that say nothing about what was looked for: we lack the means to look.
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
GAP_MAX = 256  # closed descriptors in a row behind which we look for none


def occupy_standard() -> None:
    """Put ``/dev/null`` on each of 0, 1 and 2 that is closed.

    Otherwise the next socket gets that number, and what is meant for it goes
    to the network, or closes it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            # The lowest free number is this one: those below are occupied.
            os.set_inheritable(os.open(b"/dev/null", os.O_RDWR), True)


def close(number: int) -> None:
    """Close a descriptor whatever the system says of it: it is closed, and nothing can be tried again.

    Some file systems report there what went wrong with the file before, or that
    a signal came.  Who wants to know of the first forces the file to the disk.
    """
    try:
        os.close(number)
    except OSError:
        pass


def close_private(kept: int = -1) -> None:
    """Close all that an exec would close, but for 0, 1, 2 and one more."""
    number, missed = 3, 0
    while missed < GAP_MAX:
        try:
            is_private = not os.get_inheritable(number)
            missed = 0
        except OSError:
            is_private = False
            missed += 1
        if is_private and number != kept:
            close(number)
        number += 1


def discard(number: int) -> None:
    """Replace a descriptor by ``/dev/null``: others see its end closed, the number stays taken."""
    null = os.open(b"/dev/null", os.O_RDWR)
    os.dup2(null, number)
    os.close(null)


def close_others(kept: "Iterable[int]") -> None:
    """Close all but 0, 1, 2 and some more; where there is no ``/proc`` nothing is closed."""
    try:
        numbers = {int(name) for name in os.listdir(b"/proc/self/fd")}
    except OSError:
        return
    for number in numbers.difference(kept, (0, 1, 2)):
        close(number)  # the one that listed them is closed already


def inherited() -> list[int] | None:
    """Return the descriptors above 2 that an exec leaves open; None where there is no ``/proc``."""
    try:
        numbers = sorted(int(name) for name in os.listdir(b"/proc/self/fd"))
    except OSError:
        return None
    return [number for number in numbers if number > 2 and _is_inheritable(number)]


def _is_inheritable(number: int) -> bool:
    try:
        return os.get_inheritable(number)
    except OSError:
        return False  # the one that listed them


def is_readable(number: int, seconds: float | None = 0.0) -> bool:
    """Say whether something can be read from a descriptor, or a process has ended; wait for that so long.

    Args:
        number: the descriptor.
        seconds: 0: look at once; None: without end.
    """
    from select import POLLIN, poll

    poller = poll()
    poller.register(number, POLLIN)
    return bool(poller.poll(None if seconds is None else 1000 * seconds))


def demand_spare(count: int) -> None:
    """See that so many descriptors are left, for what is about to need them.

    Raises:
        OSError: there are too few.
    """
    taken: list[int] = []
    try:
        while len(taken) < count:
            taken.append(os.open(b"/dev/null", os.O_RDONLY))
    finally:
        for descriptor in taken:
            os.close(descriptor)
