"""Builds what is written in C; everything else stands in pyproject.toml.

``UCSPI_BUILD`` chooses: ``native`` fails when something cannot be built,
``pure`` does not try, ``auto`` (the default) tries and goes on without it.
"""

import os
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup  # first: it provides distutils where Python has none
from setuptools.command.build_ext import build_ext

from distutils.command.build_scripts import build_scripts  # isort: skip

MODES = ("auto", "native", "pure")
MODE = os.environ.get("UCSPI_BUILD", "auto")
if MODE not in MODES:
    raise SystemExit(f"setup.py: UCSPI_BUILD is {MODE!r}; use one of {', '.join(MODES)}")

LAUNCHER = ["cdbext/launcher/*.c", "cdbext/nolibc/*.c"]
MOVER = ["cdbext/mover/*.c", "cdbext/lines/crlf.c", "cdbext/nolibc/*.c"]
# As cdbext/checking/warnings.sh has them, less the warnings.
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-s", "-Icdbext"]
# A program that is all of itself: no libc, no dynamic linker, nothing that needs one.
BARE = ["-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-fno-pie", "-no-pie"]
BARE += ["-fno-asynchronous-unwind-tables", "-Wl,-z,noexecstack", "-Wl,--build-id=none"]
WAYS = (BARE, ["-DUSYS_NO_BARE", "-static"], ["-DUSYS_NO_BARE"])  # the first that the processor can do
MARK = b"@ucspi: name and module"
BAKED = 96  # bytes, as in the launcher's source


class BuildCore(build_ext):  # type: ignore[misc]  # setuptools has no types
    def build_extension(self, ext: Extension) -> None:
        ext.optional = MODE == "auto"  # a failed build then leaves the pure core
        super().build_extension(ext)


class BuildCommands(build_scripts):
    """Puts a copy of the launcher where setuptools would put a script that begins with ``#!``.

    The mover, which no user calls, goes into the package.
    """

    editable_mode = False  # set by setuptools

    def run(self) -> None:
        launcher = self.compile(LAUNCHER, ["-Os", *self.places()])
        if launcher is None:
            super().run()
            return
        self.mkpath(self.build_dir)
        for script in map(Path, self.scripts):
            found = re.search(r'^run\("(\S+)"\)$', script.read_text(), re.MULTILINE)
            assert found, script
            self.put(Path(self.build_dir, script.name), bake(launcher, script.name, found[1]))
        (self.package() / "_mover").unlink(missing_ok=True)
        mover = self.compile(MOVER, ["-O2", "-fbuiltin"])
        if mover is not None:
            self.put(self.package() / "_mover", mover)
        if not self.editable_mode:  # in a checkout it would go stale
            self.pack()

    def package(self) -> Path:
        return Path("ucspi") if self.editable_mode else self.built() / "ucspi"

    def built(self) -> Path:
        return Path(self.get_finalized_command("build").build_lib)

    def put(self, path: Path, program: bytes) -> None:
        path.write_bytes(program)
        path.chmod(0o755)

    def pack(self) -> None:
        """Put the code of all modules, built by now, into one file, which launched commands begin with."""
        sys.path.insert(0, "cdbext")
        from pack import pack  # type: ignore[import-not-found]

        (self.package() / "_packed.bin").write_bytes(pack(self.built()))

    def compile(self, patterns: list[str], flags: list[str]) -> bytes | None:
        """Return a program, or None when there is nothing to compile it with."""
        target = Path(self.get_finalized_command("build").build_temp, "program")
        self.mkpath(str(target.parent))
        sources = [str(source) for pattern in patterns for source in sorted(Path().glob(pattern))]
        compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
        for way in WAYS:
            command = [*compiler, *FLAGS, *way, *flags, *sources, "-o", str(target)]
            try:
                done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            except OSError as error:
                print(f"setup.py: {compiler[0]}: {error.strerror}", file=sys.stderr)
                break
            if done.returncode == 0:
                return target.read_bytes()
            print(shlex.join(command), done.stderr, sep="\n", file=sys.stderr)
        if MODE == "native":
            raise SystemExit(f"setup.py: {patterns[0]} cannot be compiled, and UCSPI_BUILD is native")
        return None

    def places(self) -> list[str]:
        """Return the macros that say which interpreter is for us, and where our package is."""
        version = sysconfig.get_config_var("py_version_short")
        name = "pypy" if sys.implementation.name == "pypy" else "python"
        library = os.path.basename(sysconfig.get_path("stdlib"))
        macros = [f'-DLAUNCH_PYTHON="{name}{version}"', f'-DLAUNCH_LIBRARY="{library}"']
        if self.editable_mode:
            package = str(Path("ucspi").resolve()).replace("\\", "\\\\").replace('"', '\\"')
            macros.append(f'-DLAUNCH_PACKAGE="{package}"')
        return macros


def bake(launcher: bytes, name: str, module: str) -> bytes:
    """Return the launcher of one command."""
    assert launcher.count(MARK) == 1
    text = b"%s\0%s\0" % (name.encode(), module.encode())
    assert len(text) <= BAKED
    at = launcher.index(MARK)
    return launcher[:at] + text.ljust(BAKED, b"\0") + launcher[at + BAKED :]


def extension(name: str, *sources: str) -> Extension:
    """Return a module that needs no cffi."""
    return Extension(
        f"ucspi.{name}",
        [f"cdbext/{source}" for source in sources],
        include_dirs=["cdbext"],
        define_macros=[("_GNU_SOURCE", "1")],
    )


EXTENSIONS = [extension("_title", "python/processtitle.c", "system/commandline.c")]
if sys.implementation.name == "cpython":  # PyPy cannot be forked from C
    STEM = ["python/stemfork.c", "python/stemenviron.c", "python/stemcall.c"]
    STEM += ["python/stemkept.c", "python/stemflush.c"]
    STEM += ["system/beforeexec.c", "system/forksibling.c", "system/keptstate.c", "system/stempacket.c"]
    EXTENSIONS.append(extension("_stem", *STEM))

if MODE == "pure":
    setup()
else:
    setup(
        cffi_modules=["cdbext/build.py:cdbcore", "cdbext/build.py:syscore"],
        ext_modules=EXTENSIONS,
        cmdclass={"build_ext": BuildCore, "build_scripts": BuildCommands},
    )
