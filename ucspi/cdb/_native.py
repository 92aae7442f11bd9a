"""The C core: the module that cffi compiled, and the native types inside it.

No other module of this package imports ``ucspi._cdbcore``.  Type checkers do not
know the types in it, so they are stated here.
"""

import ucspi._cdbcore as _cdbcore
from ucspi.errors import BackendUnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from typing_extensions import Buffer

    from ucspi.cdb._purebuilder import Builder
    from ucspi.cdb._pureimage import Image

ffi: "Any" = _cdbcore.ffi
lib: "Any" = _cdbcore.lib


def types() -> "tuple[type[Image], type[Builder], Callable[[Buffer], int], Callable[[Buffer], int]]":
    """Return the native image, builder, hash and hash64; they have the interface of the pure core.

    Raises:
        BackendUnavailableError: this Python cannot make the types.
    """
    if not hasattr(lib, "ucdb_register") or lib.ucdb_register():
        raise BackendUnavailableError("this Python cannot hold the native types of ucspi.cdb")
    module: Any = _cdbcore
    return module.Image, module.Builder, module.hash, module.hash64
