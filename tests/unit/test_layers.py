"""The direction of imports, and what start-up may cost in imports."""

import ast
from pathlib import Path

from tests.support.layers import MAY_IMPORT, NATIVE_USERS, imported, modules


def test_every_module_belongs_to_a_layer() -> None:
    assert {layer for layer, _ in modules()} <= set(MAY_IMPORT)


def test_imports_point_down() -> None:
    for layer, path in modules():
        for name in imported(path):
            target = name.split(".")[1] if "." in name else "__init__"
            if target.startswith("_") and target in NATIVE_USERS:
                continue
            assert target in MAY_IMPORT[layer] | {layer, "__version__", "_late_names"}, f"{path}: {name}"


def test_compiled_modules_are_imported_by_native_modules_only() -> None:
    for layer, path in modules():
        for name in imported(path):
            target = name.split(".")[1] if "." in name else ""
            if target in NATIVE_USERS:
                assert path.name in ("_native.py", "native.py", "_start.py"), path
                assert layer in NATIVE_USERS[target], path


def test_private_modules_stay_inside_their_package() -> None:
    for layer, path in modules():
        for name in imported(path):
            parts = name.split(".")
            if any(part.startswith("_") for part in parts[2:]):
                assert parts[1] == layer, f"{path}: {name}"


def test_tests_share_by_support_alone() -> None:
    """A module imports of the others only what is in its own folder and no test, or in ``tests/support``."""
    top = Path(__file__).parents[1]
    for path in sorted(top.rglob("*.py")):
        folder = ".".join(("tests", *path.relative_to(top).parts[:-1]))
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tests."):
                assert node.module.startswith((folder, "tests.support")), f"{path}: {node.module}"
                assert ".test_" not in node.module, f"{path}: {node.module}"
