"""Which package may import which: the layers of docs/design.md as data, and what modules really import."""

import ast
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import ucspi

ROOT = Path(ucspi.__file__).resolve().parent  # where it is installed, if it is

# A layer and what it may import besides itself.  A package inside another is a
# layer of its own.  The compiled modules stand below all layers, each imported by
# the ``_native.py`` or ``native.py`` of its users, or by the bootstrap.
MAY_IMPORT = {
    "exits": set[str](),
    "decimal": set[str](),
    "value": set[str](),
    "errors": {"exits"},
    "unix": {"exits", "errors"},
    "cdb": {"value", "errors", "unix"},
    "rules": {"decimal", "value", "errors", "unix", "cdb"},
    "tcp": {"decimal", "value", "errors", "unix"},
    "tcp.report": {"unix", "rules", "tcp"},
    "tls": {"errors", "unix", "tcp"},
    "tcp.server": {"decimal", "errors", "unix", "rules", "tcp", "tcp.report", "tls"},
    "dnsbl": {"decimal", "errors", "unix"},
    "service": {"decimal", "errors", "unix"},
    "lines": {"unix"},
    "logs": {"decimal", "errors", "unix", "lines"},
    "handler": {"exits", "errors", "unix", "_start"},
    "compat": {"errors", "cdb"},
    "compat.cdblib": {"errors", "cdb", "compat"},
    "programs": {
        "exits",
        "decimal",
        "errors",
        "unix",
        "cdb",
        "rules",
        "tcp",
        "tcp.report",
        "tcp.server",
        "tls",
    }
    | {"dnsbl", "service", "lines", "logs", "handler"},
    "programs.cdb": {"exits", "decimal", "errors", "unix", "cdb", "programs"},
    "programs.demo": {"exits", "decimal", "errors", "unix", "cdb", "programs"},
    "_script": {"exits", "unix"},
    "__main__": {"_script", "unix", "programs"},
    "_packed": set[str](),
    "_begin": set[str](),
    "_start": {"_packed", "_script", "unix"},
    "__init__": {"handler"},
}
NATIVE_USERS = {
    "_cdbcore": {"cdb", "rules"},
    "_syscore": {"unix"},
    "_title": {"_start"},
    "_stem": {"handler", "unix"},
}

# Every module of the package, by its dotted name; a package's is that of its ``__init__.py``.
MODULES = {
    ".".join((ROOT.name, *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}


def layer(name: str) -> str:
    """Return the layer that a module belongs to: the longest name in the table that begins its own."""
    parts = name.split(".")[1:] or ["__init__"]
    names = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
    return next((name for name in names if name in MAY_IMPORT), names[-1])


@cache
def imported(name: str) -> frozenset[str]:
    """Return the modules of ours that a module imports: at its top, in functions, for types alone."""
    found = set()
    path = MODULES[name]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == ROOT.name}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module and node.module.split(".")[0] == ROOT.name:
                full = {f"{node.module}.{alias.name}" for alias in node.names}
                compiled = {f"{ROOT.name}.{native}" for native in NATIVE_USERS}
                found |= {name if name in MODULES or name in compiled else node.module for name in full}
    return frozenset(found - {name})


def circles(graph: Mapping[str, Iterable[str]]) -> list[frozenset[str]]:
    """Return the sets of nodes of a graph that can all be reached from one another."""
    reached = {node: _reach(graph, node) for node in graph}
    sets = {
        frozenset(other for other in reached[node] if node in reached.get(other, ()))
        for node in graph
        if node in reached[node]
    }
    return sorted(sets, key=sorted)


def _reach(graph: Mapping[str, Iterable[str]], start: str) -> set[str]:
    """Return the nodes to which arrows lead from one."""
    found: set[str] = set()
    ahead = [start]
    while ahead:
        for node in graph.get(ahead.pop(), ()):
            if node not in found:
                found.add(node)
                ahead.append(node)
    return found
