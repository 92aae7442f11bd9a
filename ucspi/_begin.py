"""The first file that the interpreter runs for an installed command; the launcher names it.

It is compiled at each start, so it is short: it only loads and calls `_start`.
That is in the file that `_packed` describes, if there is one for this Python;
otherwise it is loaded like any module.  The launcher is in ``cdbext/launcher``.
"""

import posix
import sys
from _imp import _fix_co_filename
from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType

HOME = __file__[: -len("ucspi/_begin.py")]


def take(name: str, code: "CodeType") -> "ModuleType":
    module = type(sys)(f"ucspi.{name}")
    module.__file__ = f"{HOME}ucspi/{name}.py"
    _fix_co_filename(code, module.__file__)
    sys.modules[module.__name__] = module
    exec(code, module.__dict__)
    return module


bootstrap = sys.modules["_frozen_importlib_external"]
packed, start = None, None
try:
    file = posix.open(HOME + "ucspi/_packed.bin", posix.O_RDONLY | posix.O_CLOEXEC)
except OSError:
    pass
else:
    head = posix.read(file, 65536)
    if (
        head[:4] == bootstrap.MAGIC_NUMBER
        and int.from_bytes(head[8:12], "little") == posix.fstat(file).st_size
    ):
        base = int.from_bytes(head[4:8], "little")
        directory, finder, start = loads(head[12:base])
        packed = take("_packed", finder).Packed(HOME, file, base, directory)
    else:
        posix.close(file)
if start is None:
    start = bootstrap.SourceFileLoader("ucspi._start", HOME + "ucspi/_start.py").get_code("ucspi._start")
take("_start", start).main(packed)
