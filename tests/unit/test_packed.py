"""The code of all modules in one file, which installed commands begin with."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import MAGIC_NUMBER, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import ucspi
from tests.support.launchers import is_launched
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.sampled(3)

PACKAGE = Path(ucspi.__file__).parent
# A command that tells what it finds about itself, and does as it is told.
PROBE = """
import sys

from ucspi.unix import environ


def main():
    if sys.argv[1] == "fail":
        fail(1)
    if sys.argv[1] == "print":
        print("printed")
        if len(sys.argv) > 2:
            import atexit

            atexit.register(lambda: print("at exit"))
        return 7
    from ucspi.unix import tai  # in no list of this command
    from ucspi.rules import parse

    parse(b":allow")
    modules = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "ucspi"}
    told = {
        name: [type(module.__loader__).__name__, module.__file__, getattr(module.__spec__, "origin", None)]
        for name, module in modules.items()
    }
    import json, os

    print(json.dumps([told, environ.value_of.__code__.co_filename, os.listdir("/proc/self/fd")]))
    return 0


def fail(number):
    raise ValueError(number)  # here
"""


@pytest.fixture(scope="module")
def pack() -> ModuleType:
    spec = spec_from_file_location("pack", Path(__file__).parents[2] / "cdbext/pack.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def packed(pack: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory with a packed package that has one command more."""
    root = tmp_path_factory.mktemp("packed")
    shutil.copytree(PACKAGE, root / "ucspi", ignore=shutil.ignore_patterns("__pycache__", "*.bin"))
    (root / "ucspi/programs/probe.py").write_text(PROBE)
    (root / "ucspi/_packed.bin").write_bytes(pack.pack(root))
    return root


@pytest.fixture(scope="module")
def modules(pack: ModuleType, packed: Path) -> dict[str, Any]:
    """Give each module of the package by its name."""
    found = (pack.Module(packed, path) for path in sorted((packed / "ucspi").rglob("*.py")))
    return {module.name: module for module in found}


@pytest.fixture
def root(packed: Path, tmp_path: Path) -> Path:
    """Give such a directory that may be changed."""
    return Path(shutil.copytree(packed, tmp_path / "root"))


def run(root: Path, *arguments: str, program: str = "probe") -> "subprocess.CompletedProcess[str]":
    """Run a command as the launcher has it run, but for what would be shown of it."""
    begin = [
        sys.executable,
        "-I",
        "-S",
        str(root / "ucspi/_begin.py"),
        f"programs.{program}",
        "",
        "x",
        program,
    ]
    return subprocess.run([*begin, program, *arguments], capture_output=True, text=True, timeout=PATIENCE)


def told(root: Path) -> tuple[dict[str, Sequence[str]], str, list[str]]:
    done = run(root, "tell")
    assert done.stderr == ""
    modules, name, descriptors = json.loads(done.stdout)
    return modules, name, descriptors


def loaders(root: Path) -> dict[str, str]:
    """Return who loaded each module of the command, but for the compiled ones."""
    return {name: facts[0] for name, facts in told(root)[0].items() if not facts[1].endswith(".so")}


def test_modules_come_out_of_the_file_and_say_where_their_source_is(packed: Path) -> None:
    modules, name, descriptors = told(packed)
    assert {"ucspi.unix.environ", "ucspi.unix.tai", "ucspi.rules._parse"} <= set(modules)
    for module, (loader, file, origin) in modules.items():
        if module in ("ucspi._packed", "ucspi._start") or file.endswith(".so"):
            continue
        assert loader == "Packed", module
        assert file == origin
        assert Path(file).is_relative_to(packed)
        assert Path(file).is_file()
    assert Path(name) == packed / "ucspi/unix/environ.py"
    assert len(descriptors) <= 4  # three, and the listing itself


def test_traceback_shows_the_lines_of_the_sources(packed: Path) -> None:
    done = run(packed, "fail")
    assert done.returncode == 1
    assert f'File "{packed}/ucspi/programs/probe.py"' in done.stderr
    assert f'File "{packed}/ucspi/_start.py"' in done.stderr
    assert "raise ValueError(number)  # here" in done.stderr


def test_what_was_printed_comes_out_and_the_exit_code_is_the_commands(packed: Path) -> None:
    done = run(packed, "print")
    assert (done.returncode, done.stdout, done.stderr) == (7, "printed\n", "")
    done = run(packed, "print", "more")
    assert (done.returncode, done.stdout, done.stderr) == (7, "printed\nat exit\n", "")


@pytest.mark.parametrize("change", ["size", "time"])
def test_changed_module_is_used_as_it_is(change: str, root: Path) -> None:
    source = root / "ucspi/unix/environ.py"
    if change == "size":
        source.write_text(source.read_text() + "\n")
        os.utime(source, (1, 1))
    else:
        later = (root / "ucspi/_packed.bin").stat().st_mtime + 3600
        os.utime(source, (later, later))
    by = loaders(root)
    assert by.pop("ucspi.unix.environ") == "SourceFileLoader"
    assert by.pop("ucspi.unix.tai") == "Packed"
    assert set(by.values()) == {"Packed", "NoneType"}


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "longer", "of another Python"])
def test_without_a_sound_file_plain_modules_are_used(damage: str, root: Path) -> None:
    file = root / "ucspi/_packed.bin"
    data = file.read_bytes()
    file.unlink()
    if damage == "empty":
        file.write_bytes(b"")
    elif damage == "cut":
        file.write_bytes(data[:-1])
    elif damage == "longer":
        file.write_bytes(data + b"\0")
    elif damage == "of another Python":
        file.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    by = loaders(root)
    assert by["ucspi.unix.environ"] == "SourceFileLoader"
    assert "Packed" not in by.values()


def test_file_that_was_replaced_is_left_alone(root: Path) -> None:
    """What is imported then comes from the modules: the new file may be that of another version."""
    probe = root / "ucspi/programs/replaced.py"
    probe.write_text(
        "import os\n"
        "def main():\n"
        f"    os.rename({str(root / 'new')!r}, {str(root / 'ucspi/_packed.bin')!r})\n"
        "    from ucspi.unix import tai\n"
        "    print(type(tai.__loader__).__name__)\n"
        "    return 0\n"
    )
    (root / "new").write_bytes((root / "ucspi/_packed.bin").read_bytes())
    done = run(root, program="replaced")
    assert (done.stdout, done.stderr) == ("SourceFileLoader\n", "")


def test_every_command_has_a_list_in_the_order_of_its_imports(
    pack: ModuleType, modules: dict[str, Any]
) -> None:
    commands = [name for name in modules if name.startswith("ucspi.programs.") and "._" not in name]
    assert set(pack.LISTED) <= set(modules)
    assert len(commands) > 40
    for command in [*commands, *pack.LISTED]:
        names = pack.order(modules, command)
        assert names[-1] == command
        assert len(set(names)) == len(names)
        for at, name in enumerate(names):
            parent = name.rpartition(".")[0]
            assert not parent or parent in names[:at], (command, name)
            for module, _ in modules[name].imported:
                inside = modules[name].is_package and module.startswith(name + ".")
                assert module not in modules or inside or module in names[:at], (command, name, module)


def test_names_that_are_imported_when_asked_for_are_in_the_lists(
    pack: ModuleType, modules: dict[str, Any]
) -> None:
    names = pack.order(modules, "ucspi.programs.tcprules")
    assert {"ucspi.rules._compile", "ucspi.rules._lint"} <= set(names)
    assert "ucspi.rules._liverules" not in names


def test_package_with_launchers_has_the_file_and_no_other() -> None:
    """One in a checkout would go stale with the first change; scripts make no use of it."""
    file = PACKAGE / "_packed.bin"
    if is_launched() and not (PACKAGE.parent / "setup.py").exists():
        assert file.read_bytes()[:4] == MAGIC_NUMBER
    else:
        assert not file.exists()
