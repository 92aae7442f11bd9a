"""The direction of imports: between layers, between modules, and between tests."""

import re
from pathlib import Path

from tests.support.layers import MAY_IMPORT, MODULES, NATIVE_USERS, circles, imported, layer

FROM_TESTS = re.compile(r"^\s*from (tests\.[\w.]+) import ", re.MULTILINE)
COMPILED = {f"ucspi.{native}" for native in NATIVE_USERS}


def test_every_package_is_a_layer() -> None:
    packages = {name.partition(".")[2] for name, path in MODULES.items() if path.name == "__init__.py"}
    single = {name.partition(".")[2] for name in MODULES if name.count(".") == 1}
    assert packages - {""} | single | {"__init__"} == set(MAY_IMPORT)


def test_layers_form_no_circle() -> None:
    assert circles(MAY_IMPORT) == []


def test_imports_point_down() -> None:
    for name in MODULES:
        allowed = MAY_IMPORT[layer(name)] | {layer(name), "__init__"}
        for target in imported(name) - COMPILED:
            assert layer(target) in allowed, f"{name}: {target}"


def test_modules_import_each_other_in_no_circle() -> None:
    """Counted are imports at the top, those in functions, and those for types alone."""
    assert circles({name: imported(name) for name in MODULES}) == []


def test_compiled_modules_are_imported_by_native_modules_only() -> None:
    for name, path in MODULES.items():
        for target in imported(name) & COMPILED:
            assert path.name in ("_native.py", "native.py", "forking.py", "_start.py"), path
            assert layer(name) in NATIVE_USERS[target.split(".")[1]], path


def test_private_modules_stay_inside_their_package() -> None:
    seen = set()
    for name, path in MODULES.items():
        home = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for target in imported(name) - COMPILED:
            package, private, _ = target.partition("._")
            if private and not f"{home}.".startswith(f"{package}."):
                seen.add((name, target))
    assert not seen


def test_tests_share_by_support_alone() -> None:
    """A module imports of the others only what is in its own folder and no test, or in ``tests/support``."""
    top = Path(__file__).parents[1]
    for path in sorted(top.rglob("*.py")):
        folder = ".".join(("tests", *path.relative_to(top).parts[:-1]))
        for module in FROM_TESTS.findall(path.read_text()):
            assert module.startswith((folder, "tests.support")), f"{path}: {module}"
            assert ".test_" not in module, f"{path}: {module}"
