"""Which package may import which: the layers of docs/design.md as data."""

import ast
from collections.abc import Iterator
from pathlib import Path

import ucspi

ROOT = Path(ucspi.__file__).resolve().parent  # where it is installed, if it is

# A layer and what it may import besides itself.  The compiled modules stand
# below all layers, each imported by the ``_native.py`` or ``native.py`` of its
# users, or by the bootstrap.
MAY_IMPORT = {
    "exits": set[str](),
    "decimal": set[str](),
    "errors": {"exits"},
    "unix": {"exits", "errors"},
    "cdb": {"exits", "errors", "unix"},
    "rules": {"exits", "decimal", "errors", "unix", "cdb"},
    "tcp": {"exits", "decimal", "errors", "unix", "cdb", "rules"},
    "dnsbl": {"exits", "decimal", "errors", "unix"},
    "service": {"exits", "errors", "unix"},
    "lines": {"exits", "errors", "unix"},
    "logs": {"exits", "decimal", "errors", "unix", "lines"},
    "compat": {"errors", "cdb"},
    "programs": {"exits", "decimal", "errors", "unix", "cdb", "rules", "tcp"}
    | {"dnsbl", "service", "lines", "logs"},
    "_script": {"exits", "unix"},
    "__main__": {"_script", "unix", "programs"},
    "_packed": set[str](),
    "_begin": set[str](),
    "_start": {"_packed", "_script", "unix", "programs"},
    "__init__": set[str](),
}
NATIVE_USERS = {"_cdbcore": {"cdb", "rules"}, "_syscore": {"unix"}, "_title": {"_start"}}


def modules() -> Iterator[tuple[str, Path]]:
    """Yield (layer, path) of every module of the package."""
    for path in sorted(ROOT.rglob("*.py")):
        yield path.relative_to(ROOT).with_suffix("").parts[0], path


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted name of every ``ucspi`` module that a file imports."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "ucspi")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module == "ucspi":
                yield from (f"ucspi.{alias.name}" for alias in node.names)
            elif node.module and node.module.startswith("ucspi."):
                yield node.module
