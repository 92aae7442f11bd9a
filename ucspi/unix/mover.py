"""The program that moves bytes in place of an interpreter: ``cdbext/mover/mover.c``.

It is not everywhere: it was not built without a compiler, and whoever runs us
may not be allowed to execute it.  Then the caller does the work itself.
"""

import posix as os
import sys

from ucspi.unix import search
from ucspi.unix.environ import inherited

PATH = __file__.rpartition("/unix/")[0].encode(sys.getfilesystemencoding(), "surrogateescape") + b"/_mover"

_BEHIND = 16
_OPENED: list[int] = []


def is_there() -> bool:
    """Return whether there is such a program, and we may execute it."""
    return os.access(PATH, os.X_OK)


def descriptor() -> int:
    """Return a descriptor by which children can execute it, opened once; -1 where that cannot be done.

    So it is executed after an upgrade too, and by a user who may not enter our directory.
    """
    if not _OPENED:
        _OPENED.append(_open())
    return _OPENED[0]


def _open() -> int:
    passed = []
    try:
        number = os.open(PATH, os.O_PATH | os.O_CLOEXEC)
        while number < _BEHIND:  # the low numbers are for the pipes of those children
            passed.append(number)
            number = os.dup(number)
    except OSError:
        return passed.pop() if passed else -1
    finally:
        for each in passed:
            os.close(each)
    return number


def become(order: bytes, argv: list[bytes], kept: tuple[int, ...] = ()) -> None:
    """Replace this process by the mover; return when that cannot be done.

    Args:
        order: what it is to do, without the name at its end.
        argv: the command line that it shows.
        kept: descriptors that it shall have, besides those that an exec leaves open.
    """
    try:
        for number in kept:
            os.set_inheritable(number, True)
        entry = b"UCSPI_MOVER=%s %s" % (order, _shown_name(argv))
        search.execute([PATH], argv, [*inherited(), entry])
    except OSError:
        pass


def _shown_name(argv: list[bytes]) -> bytes:
    """Return the name of this process that the kernel shows."""
    try:
        with open("/proc/self/comm", "rb", buffering=0) as file:
            return file.read(64).removesuffix(b"\n")
    except OSError:
        return argv[0].rpartition(b"/")[2]
