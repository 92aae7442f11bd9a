"""Descriptors 0, 1 and 2, which must never be something else by accident."""

import errno
import posix as os

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


def is_readable(number: int) -> bool:
    """Say whether something can be read from a descriptor now; of a process, whether it has ended."""
    from select import POLLIN, poll

    poller = poll()
    poller.register(number, POLLIN)
    return bool(poller.poll(0))


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
