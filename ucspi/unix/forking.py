"""Calling a C function that forks; its children are Python again when it returns in them.

The other half of ``ucspi._stem`` is for handlers: `ucspi.handler`.
"""

import errno
import os

from ucspi.unix import native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

try:
    from ucspi._stem import call as _call
except ImportError:
    _call = None


def is_there() -> bool:
    """Return whether this was built."""
    return _call is not None and native.lib is not None


def call(function: str, *pointers: "Any") -> int:
    """Call a function of the compiled module; return its result, which is 0 in a child.

    Nothing of Python runs until it returns.  This process must have one thread.

    Args:
        function: its name; it takes two pointers and returns an int, and does not fork if
            that is negative.
        pointers: the two.

    Raises:
        OSError: ENOSYS: a module was not built, or the function has failed.
    """
    result = -1
    if _call is not None and native.lib is not None:
        ffi = native.ffi
        addresses = (native.ffi.addressof(native.lib, function), *pointers)
        result = _call(*(int(ffi.cast("uintptr_t", address)) for address in addresses))
    if result < 0:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    return result
