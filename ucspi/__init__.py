"""ucspi-tcp, cdb and daemontools as one Python package.

``ucspi.cdb``    constant databases
``ucspi.rules``  the tcprules language: compile, look up, judge
``ucspi.tcp``    the TCP side of UCSPI
``ucspi.Client`` one connection, as ``pyhandler`` gives it to a function
The command ``ucspi PROGRAM ARGS`` runs any of the programs.

This package imports nothing until it is used, so that programs start fast.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__version__ = "0.1.0"


def _late_names(
    package: "dict[str, object]", modules: dict[str, str]
) -> "tuple[Callable[[str], object], Callable[[], list[str]]]":
    """Return ``__getattr__`` and ``__dir__`` for a package that imports some of its names when they are used.

    It stands here because every program has loaded this module already.

    Args:
        package: the package's ``globals()``.
        modules: for each such name the module of the package that defines it.
    """
    path = package["__name__"]

    def get(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {path!r} has no attribute {name!r}")
        # Not importlib: that one would have to be imported.
        value = package[name] = getattr(__import__(f"{path}.{modules[name]}", fromlist=[name]), name)
        return value

    return get, lambda: sorted({*package, *modules})


if TYPE_CHECKING:
    from ucspi.handler.client import Client as Client
else:
    _LATER = {"Client": "handler.client"}
    __getattr__, __dir__ = _late_names(globals(), _LATER)
