"""The C core's functions for rules, or None where it is not in use.

The only module of this package that imports ``ucspi._cdbcore``.
"""

from ucspi.cdb import backend

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ffi: "Any" = None
lib: "Any" = None

if backend() == "native":
    import ucspi._cdbcore as _cdbcore

    ffi, lib = _cdbcore.ffi, _cdbcore.lib
