"""The compiled module of system calls and line filters: ``lib`` and ``ffi``; both None if it was not built.

This is the only module that imports ``ucspi._syscore``.
"""

from ucspi.unix import inheritedstate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

try:
    from ucspi._syscore import ffi as ffi
    from ucspi._syscore import lib as lib
except ImportError:
    ffi = lib = None

_LIMITS: "list[Any]" = []  # in C memory, filled when first needed


def hand_on(command: "Any", ignored: "Iterable[int]") -> None:
    """Set in a ``struct usys_command`` which signals stay ignored and which limits are set back."""
    command.ignored = sum(1 << number - 1 for number in ignored)
    if inheritedstate.limits:
        if not _LIMITS:
            _LIMITS.append(ffi.new("struct usys_limit[]", inheritedstate.limits))
        command.limits, command.limit_count = _LIMITS[0], len(inheritedstate.limits)
