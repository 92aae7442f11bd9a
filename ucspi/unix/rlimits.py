"""Limits on resources, for what we become; they bind ourselves at once."""

import resource
from resource import getrlimit, setrlimit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Limit = tuple[int, tuple[int, int]]

AS, CORE, CPU = resource.RLIMIT_AS, resource.RLIMIT_CORE, resource.RLIMIT_CPU
DATA, FSIZE, MEMLOCK = resource.RLIMIT_DATA, resource.RLIMIT_FSIZE, resource.RLIMIT_MEMLOCK
NOFILE, NPROC = resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC
RSS, STACK = resource.RLIMIT_RSS, resource.RLIMIT_STACK

# A limit is a C number without sign; `resource` has its upper half, and so "unlimited", as negative ones.
_NUMBERS = 1 << 64

# Below what the C library takes from the system by a mapping of its own.
_PIECE = 65536
# What the exec takes at most: for itself, for each string, for each byte of them.  Source: found by trying.
_RESERVE, _PER_STRING, _PER_BYTE = 256 * 1024, 512, 4


def soft(number: int, value: int | None) -> tuple[int, tuple[int, int]]:
    """Return the arguments of ``setrlimit`` for a soft limit: at most the hard one, which None means.

    Raises:
        OSError: the system does not know this resource.
    """
    hard = getrlimit(number)[1]
    if value is None or value >= hard % _NUMBERS:
        return number, (hard, hard)
    return number, (value if value < _NUMBERS // 2 else value - _NUMBERS, hard)


def apply(limits: "Iterable[tuple[int, tuple[int, int]]]") -> None:
    """Set limits that were all prepared by `soft`.

    Raises:
        OSError: one cannot be set; those before it are.
    """
    for number, pair in limits:
        setrlimit(number, pair)


class Narrowed:
    """Limits that are set for the program to be executed next, and how they were before.

    Under a limit that is used up already whoever executes lives on what was put
    aside before; it is kept as long as this is.
    """

    __slots__ = ("_before", "_held")

    def __init__(self, limits: "Sequence[Limit]", strings: list[bytes]) -> None:
        """Set limits that were prepared by `soft`.

        Args:
            limits: what to set, in order; of two for one resource the last counts.
            strings: all that the exec is given.

        Raises:
            OSError: one cannot be set; those before it are.
            MemoryError: there was not enough to put aside.
        """
        self._held = reserve(_RESERVE + _PER_STRING * len(strings) + _PER_BYTE * sum(map(len, strings)))
        self._before = [(number, getrlimit(number)) for number, _ in limits]
        apply(limits)

    def undo(self) -> None:
        """Set them as they were: nothing was executed."""
        apply(self._before[::-1])


def raise_open_files() -> int:
    """Raise the soft limit of open files to the hard one.

    Returns:
        The soft limit as it was, for children; 0 when nothing was changed.
    """
    before, hard = getrlimit(NOFILE)
    if before == hard:
        return 0
    try:
        setrlimit(NOFILE, (hard, hard))
    except (OSError, ValueError):
        return 0  # some systems have a hard limit that nobody can have
    return before


def reserve(size: int) -> bytearray:
    """Have the allocator keep this much memory that it need not ask the system for.

    Under a limit that is used up already, whatever we still do lives on it.

    Returns:
        What keeps it from being given back: hold on to it.
    """
    pieces = [bytearray(_PIECE) for _ in range(size // _PIECE + 1)]
    # As large as a piece, it lies above them all: they have taken the holes it would fit.
    cork = bytearray(_PIECE)
    del pieces
    return cork
