"""Loads the C kernels of filters late: once so much has been read that loading them pays.

By then the package may have been replaced by another version, whose modules
need not fit the running ones.  So a kernel is loaded only while the package is
the one that the program began with.
"""

import posix as _os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Kernel = TypeVar("Kernel")


def _state() -> "tuple[int, int, int] | None":
    try:
        found = _os.stat(__file__)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


_BEGAN = _state()


def load(make: "Callable[[], Kernel]") -> "Kernel | None":
    """Return what ``make`` imports and makes; None when it cannot: the filter then goes on in Python.

    None means that there is no compiled module, that the package was replaced,
    or that a module cannot be loaded, for lack of a descriptor or of memory.
    """
    if _BEGAN is None or _state() != _BEGAN:
        return None
    try:
        from ucspi.unix import native

        return None if native.lib is None else make()
    except (ImportError, OSError, MemoryError):
        return None
