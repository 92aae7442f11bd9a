"""Resource limits for a program that replaces us; they bind this process at once."""

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

# A limit is an unsigned number in C; `resource` shows the upper half of them, "unlimited" too, as negative.
_NUMBERS = 1 << 64

# Small enough that the C library takes it from the heap, not from a mapping of its own.
_PIECE = 65536
# Bytes that an exec takes at most: for itself, for each string, for each byte of them.  Source: measured.
_RESERVE, _PER_STRING, _PER_BYTE = 256 * 1024, 512, 4


def soft(number: int, value: int | None) -> tuple[int, tuple[int, int]]:
    """Return the arguments of ``setrlimit`` for a soft limit, at most the hard one; None means that one.

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
        OSError: a limit cannot be set; those before it are set.
    """
    for number, pair in limits:
        setrlimit(number, pair)


class Narrowed:
    """Limits that are set for an exec, and what they were before.

    Memory is reserved before the limits are set: if a limit is exceeded already,
    the exec needs it.  It is kept as long as this object.
    """

    __slots__ = ("_before", "_held")

    def __init__(self, limits: "Sequence[Limit]", strings: list[bytes]) -> None:
        """Set limits that were prepared by `soft`.

        Args:
            limits: set in order; of two for one resource the last counts.
            strings: all arguments and environment entries of the exec.

        Raises:
            OSError: a limit cannot be set; those before it are set.
            MemoryError: not enough memory could be reserved.
        """
        self._held = reserve(_RESERVE + _PER_STRING * len(strings) + _PER_BYTE * sum(map(len, strings)))
        self._before = [(number, getrlimit(number)) for number, _ in limits]
        apply(limits)

    def undo(self) -> None:
        """Set the old limits again, after a failed exec."""
        apply(self._before[::-1])


def raise_open_files() -> int:
    """Raise the soft limit of open files to the hard one.

    Returns:
        The old soft limit, for children; 0 if nothing was changed.
    """
    before, hard = getrlimit(NOFILE)
    if before == hard:
        return 0
    try:
        setrlimit(NOFILE, (hard, hard))
    except (OSError, ValueError):
        return 0  # some systems have a hard limit that cannot be set
    return before


def reserve(size: int) -> bytearray:
    """Have the allocator keep so many bytes that it need not get from the system.

    If a limit is exceeded already, allocations still succeed from these bytes.

    Returns:
        An object that must be kept: without it the allocator may give the bytes back.
    """
    pieces = [bytearray(_PIECE) for _ in range(size // _PIECE + 1)]
    # It is as large as a piece, so it lies above them all: they have filled the holes that it fits.
    cork = bytearray(_PIECE)
    del pieces
    return cork
