"""Every command is installed, has its manual page, and stands in the README."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from importlib import import_module, metadata
from pathlib import Path
from pkgutil import iter_modules

import pytest

from tests.support.commands import ours
from tests.support.patience import PATIENCE
from ucspi.programs.commands import COMMANDS

pytestmark = pytest.mark.sampled(3)

CHECKOUT = Path(__file__).resolve().parent.parent.parent

# These two are reached through `ucspi` alone.
INNER = {"demo", "connect"}
# Of these `--version` would be a key, or something to show: what they do without arguments.
WITHOUT_VERSION = {"cdbget": (111, b"cdbget: usage: "), "readproctitle": (100, b"")}
# Of each manual page, in this order.  What a page has besides stands before OPTIONS or after ENVIRONMENT.
SECTIONS = [
    *("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "ENVIRONMENT", "SIGNALS"),
    *("EXIT STATUS", "EXAMPLES", "DIFFERENCES", "SEE ALSO"),
]
INSTALLED = sorted(set(COMMANDS) - INNER | {"ucspi"})


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_command_has_a_program(command: str) -> None:
    assert callable(import_module(f"ucspi.programs.{COMMANDS[command]}").main)


def test_every_program_is_a_command() -> None:
    programs = iter_modules(import_module("ucspi.programs").__path__)  # packages too
    public = {program.name for program in programs if not program.name.startswith("_")}
    assert public - {"commands"} == set(COMMANDS.values())


@pytest.mark.parametrize("command", INSTALLED)
def test_script_runs_its_program_and_does_no_more(command: str) -> None:
    module = "__main__" if command == "ucspi" else f"programs.{COMMANDS[command]}"
    assert (CHECKOUT / "bin" / command).read_text() == (
        f'#!python\nfrom ucspi._script import run\nrun("{module}")\n'
    )


@pytest.mark.parametrize("line", ["tcprules a b", "cdbget x", "cdb -q x y", "tcpserver -x a 0 0 true"])
@pytest.mark.parametrize("way", ["script", "ucspi"])
def test_core_that_there_is_not_is_one_line_without_the_launcher_too(
    way: str, line: str, tmp_path: Path
) -> None:
    command, *arguments = line.split()
    start = [str(CHECKOUT / "bin" / command)] if way == "script" else ["-m", "ucspi", command]
    done = subprocess.run(
        [sys.executable, *start, *arguments],
        cwd=tmp_path,
        env=os.environ | {"UCSPI_CDB": "bogus", "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    said = f"{command}: fatal: UCSPI_CDB is 'bogus'; use one of auto, native, pure\n"
    assert (done.returncode, done.stderr) == (111, said)


def test_all_scripts_are_installed() -> None:
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    assert settings["tool"]["setuptools"]["script-files"] == [f"bin/{command}" for command in INSTALLED]


@pytest.mark.parametrize("command", INSTALLED)
def test_installed_command_runs(command: str) -> None:
    try:
        metadata.version("ucspi")
    except metadata.PackageNotFoundError:
        pytest.skip("ucspi is not installed, only imported from a checkout")
    script = Path(sysconfig.get_path("scripts")) / command
    code, said = WITHOUT_VERSION.get(command, (0, b"ucspi "))
    asked = [] if command in WITHOUT_VERSION else ["--version"]
    done = subprocess.run([script, *asked], capture_output=True, timeout=PATIENCE, check=False, cwd="/")
    assert (done.returncode, (done.stdout or done.stderr)[: len(said)]) == (code, said)


@pytest.mark.parametrize("command", INSTALLED)
def test_command_has_a_manual_page(command: str) -> None:
    page = (CHECKOUT / "docs" / "man" / f"{command}.1").read_text()
    assert page.startswith(f".TH {command} 1 ")
    sections = re.findall(r"^\.SH (.*)$", page, re.MULTILINE)
    assert [section for section in SECTIONS if section in sections] == [
        section for section in sections if section in SECTIONS
    ]
    assert set(SECTIONS) - set(sections) <= {"SIGNALS"}
    assert sections[:3] + sections[-4:] == SECTIONS[:3] + SECTIONS[-4:]


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
@pytest.mark.parametrize("columns", [60, 80])
def test_manual_pages_are_set_without_a_warning(columns: int) -> None:
    pages = sorted((CHECKOUT / "docs" / "man").glob("*.1"))
    command = ["groff", "-ww", "-man", "-Tutf8", f"-rLL={columns}n", *map(str, pages)]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_command_stands_in_the_table_of_the_readme(command: str) -> None:
    shown = f"ucspi {command}" if command in INNER else command
    assert f"\n| `{shown}` | " in (CHECKOUT / "README.md").read_text()


class TestUcspi:
    def run(self, *arguments: str) -> tuple[int, bytes, bytes]:
        done = subprocess.run(
            [*ours("ucspi"), *arguments], capture_output=True, timeout=PATIENCE, check=False
        )
        return done.returncode, done.stdout, done.stderr

    @pytest.mark.parametrize("arguments", [[], ["nonsense"], ["--nonsense"]])
    def test_unknown_program_lists_those_that_there_are(self, arguments: list[str]) -> None:
        code, output, complaint = self.run(*arguments)
        assert (code, output) == (100, b"")
        assert complaint.endswith(f"ucspi: programs: {' '.join(sorted(COMMANDS))}\n".encode())

    def test_version_is_the_one_of_the_package(self) -> None:
        import ucspi

        code, output, complaint = self.run("--version")
        assert (code, output.splitlines()[0].decode(), complaint) == (0, f"ucspi {ucspi.__version__}", b"")

    def test_program_gets_its_arguments_as_they_are(self) -> None:
        code, output, complaint = self.run("connect", "--from", os.fsdecode(b"\xff"), "127.0.0.1", "9")
        assert (code, output) == (111, b"")
        assert complaint == b"connect: fatal: unable to bind to \xff: address not available\n"


def test_lack_of_memory_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    from ucspi.programs._program import run

    def body(_: list[bytes]) -> int:
        raise MemoryError

    assert run(body, [b"/usr/local/bin/tai64n"]) == 111
    assert capfd.readouterr().err == "tai64n: fatal: out of memory\n"
