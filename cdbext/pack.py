"""Makes the file that `ucspi/_packed.py` describes: the code of the whole package, for one Python."""

import ast
import marshal
from collections.abc import Iterator
from importlib.util import MAGIC_NUMBER
from pathlib import Path

FIRST = ("ucspi._packed", "ucspi._start")  # what finds the others is not found by it
LISTED = (  # beside the commands
    *("ucspi.__main__", "ucspi.unix.inheritedstate", "ucspi.programs._tcpserver_prepare"),
    *("ucspi.rules._liverules", "ucspi.service.startinprocess", "ucspi.service.startclassic"),
    *("ucspi.service.startwarm", "ucspi.service.stemservice"),
    *(f"ucspi.programs.cdb.{part}" for part in ("_commandline", "_dump", "_make", "_query", "_stats")),
)


class Module:
    """One module: where its source is, and what it imports while it is run."""

    def __init__(self, root: Path, path: Path) -> None:
        """Read a file below a directory."""
        self.path = path.relative_to(root).as_posix()
        self.source = path.read_bytes()
        parts = self.path.removesuffix(".py").split("/")
        self.is_package = parts[-1] == "__init__"
        self.name = ".".join(parts[:-1] if self.is_package else parts)
        tree = ast.parse(self.source)
        self.imported = list(_imported(tree))
        self.later = _later(tree)

    def code(self) -> bytes:
        """Return its code, marshalled; where the file is, its user says."""
        return marshal.dumps(compile(self.source, self.path, "exec", dont_inherit=True))


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield a module and a name in it, or "", for each import that running a module always does."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


def _later(tree: ast.Module) -> dict[str, str]:
    """Return the names of a package that are imported when they are asked for, and their modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_LATER":
            value = ast.literal_eval(node.value)
            return value if isinstance(value, dict) else {}
    return {}


def pack(root: Path) -> bytes:
    """Return the file for the package ``ucspi`` below a directory."""
    paths = sorted((root / "ucspi").rglob("*.py"))
    modules = {module.name: module for module in (Module(root, path) for path in paths)}
    body = b""
    entries = {}
    for name, module in modules.items():
        code = module.code()
        entries[name] = (name, len(body), len(code), module.is_package, module.path, len(module.source))
        body += code
    lists = {"": list(modules)}
    for name in modules:
        if name in LISTED or (name.startswith("ucspi.programs.") and "._" not in name):
            lists[name] = order(modules, name)
    directory = {}
    for name, names in lists.items():
        shown = marshal.dumps(tuple(entries[one] for one in names))
        directory[name] = (len(body), len(shown))
        body += shown
    first = (compile(modules[name].source, modules[name].path, "exec", dont_inherit=True) for name in FIRST)
    head = marshal.dumps((directory, *first))
    base = len(MAGIC_NUMBER) + 8 + len(head)
    return MAGIC_NUMBER + base.to_bytes(4, "little") + (base + len(body)).to_bytes(4, "little") + head + body


def order(modules: dict[str, Module], name: str) -> list[str]:
    """Return a module and all that it imports, each behind what it needs.

    A package stands before its modules, even those that it imports itself: they
    are imported from inside it, as ever.
    """
    ordered: list[str] = []
    seen: set[str] = set()

    def add(name: str) -> None:
        if name not in modules or name in seen:
            return
        add(name.rpartition(".")[0])
        seen.add(name)
        needed = [one for module, part in modules[name].imported for one in targets(module, part)]
        inner = name + "."
        for one in needed:
            if not (modules[name].is_package and one.startswith(inner)):
                add(one)
        ordered.append(name)

    def targets(module: str, part: str) -> list[str]:
        if module not in modules:
            return []
        later = modules[module].later.get(part)
        return [module, f"{module}.{part}", *([f"{module}.{later}"] if later else [])]

    add(name)
    return ordered
