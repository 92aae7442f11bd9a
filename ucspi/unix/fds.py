"""Descriptors: keeping 0, 1 and 2 open, closing others, and asking about them."""

import errno
import posix as os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# Errors that only say that we lack the means to look.
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
SIZE = 4  # bytes of a descriptor beside a message
GAP_MAX = 256  # after so many closed descriptors in a row the search ends


def occupy_standard() -> None:
    """Put ``/dev/null`` on each of 0, 1 and 2 that is closed.

    Otherwise the next socket would get that number, and messages would go to the
    network.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            # It gets this number, the lowest free one, for those below are open.
            os.set_inheritable(os.open(b"/dev/null", os.O_RDWR), True)


def close(number: int) -> None:
    """Close a descriptor, and ignore errors: it is closed in any case.

    Some file systems report earlier write errors at close, or that a signal came.
    Callers that want to know of write errors use fsync before.
    """
    try:
        os.close(number)
    except OSError:
        pass


def close_private(*kept: int) -> None:
    """Close all descriptors that an exec would close, except 0, 1, 2 and those that are named."""
    number, missed = 3, 0
    while missed < GAP_MAX:
        try:
            is_private = not os.get_inheritable(number)
            missed = 0
        except OSError:
            is_private = False
            missed += 1
        if is_private and number not in kept:
            close(number)
        number += 1


def discard(*numbers: int) -> None:
    """Replace descriptors by ``/dev/null``: the other end sees it closed, but the numbers stay in use.

    Those of 0, 1 and 2 that are closed are in use afterwards too.

    Raises:
        OSError: no descriptor is left.
    """
    while (null := os.open(b"/dev/null", os.O_RDWR)) <= 2:
        os.set_inheritable(null, True)
    for number in numbers:
        os.dup2(null, number)
    os.close(null)


def close_others(kept: "Iterable[int]") -> None:
    """Close all descriptors except 0, 1, 2 and some more; without ``/proc`` nothing is closed."""
    try:
        numbers = {int(name) for name in os.listdir(b"/proc/self/fd")}
    except OSError:
        return
    for number in numbers.difference(kept, (0, 1, 2)):
        close(number)  # the one used to list them is closed already


def inherited() -> list[int] | None:
    """Return the descriptors above 2 that an exec leaves open; None without ``/proc``."""
    try:
        return inheritable()
    except OSError:
        return None


def inheritable() -> list[int]:
    """Return the descriptors above 2 that an exec leaves open, in order.

    Raises:
        OSError: there is no ``/proc``, or no descriptor to read it with.
    """
    numbers = sorted(int(name) for name in os.listdir(b"/proc/self/fd"))
    return [number for number in numbers if number > 2 and _is_inheritable(number)]


def _is_inheritable(number: int) -> bool:
    try:
        return os.get_inheritable(number)
    except OSError:
        return False  # the one used to list them


def received(control: "Iterable[tuple[int, int, bytes]]") -> int:
    """Return the descriptor that came with a message, by its ancillary data; -1: none came."""
    import _socket
    import sys

    for level, kind, data in control:
        if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS) and len(data) >= SIZE:
            return int.from_bytes(data[:SIZE], sys.byteorder)
    return -1


def is_readable(number: int, seconds: float | None = 0.0) -> bool:
    """Return whether a descriptor is readable; that of a process is readable once it has ended.

    Args:
        number: the descriptor.
        seconds: how long to wait for that; None: without end.
    """
    from select import POLLIN, poll

    poller = poll()
    poller.register(number, POLLIN)
    return bool(poller.poll(None if seconds is None else 1000 * seconds))


def demand_spare(count: int) -> None:
    """Check that so many descriptors can still be opened.

    Raises:
        OSError: too few are left.
    """
    taken: list[int] = []
    try:
        while len(taken) < count:
            taken.append(os.open(b"/dev/null", os.O_RDONLY))
    finally:
        for descriptor in taken:
            os.close(descriptor)
