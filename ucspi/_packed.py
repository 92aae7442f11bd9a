"""Loads our modules from one file, which is faster than looking for each of them.

Finding a module, reading its compiled code and comparing that with the source
takes longer than running it, and a small command needs a dozen modules.  So an
installed package with a launcher has all its code a second time, in one file
beside this one.  The file has a list for each command: the modules that it needs
at its start, in order.  These are run without the import system.  All other
modules are found in the file when they are imported; some of them also have a
list of what is loaded with them.

    magic number of the interpreter, where the lists begin, length of the file (u32, little-endian)
    marshalled: directory, code of this module, code of `_start`
    lists and code, marshalled, one after another

The directory says where the list of a module is, and under "" where the list of
all modules is: ``{name: (position, length)}``.  A list is a tuple of
``(name, position, length, is a package, path, size of its source)``.  Positions
are relative to the first list, paths to the directory of the package.

The file is used only by the Python that it was made for.  A module in it is used
only if its source still has the same size and was not changed since.  An editable
installation has no such file.  ``cdbext/pack.py`` makes it.

This module imports nothing that an interpreter without ``site`` must look for.
"""

import posix
import sys
from _imp import _fix_co_filename, extension_suffixes
from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType

    Entry = tuple[str, int, int, bool, str, int]

FILE = "_packed.bin"
LATER = 60.0  # seconds: sources may be installed that long after this file
COMPILED = ("_cffi_backend", "ucspi._cdbcore", "ucspi._syscore", "ucspi._title", "ucspi._stem")
_SUFFIX = extension_suffixes()[0]
_bootstrap = sys.modules["_frozen_importlib_external"]
_Spec = type(sys.__spec__)
_Module = type(sys)


class Packed:
    """Finds our modules in the file, and runs those that a command needs at its start."""

    def __init__(self, root: str, file: int, base: int, directory: "dict[str, tuple[int, int]]") -> None:
        """Take over the open file of a package.

        Args:
            root: the directory of the package, with a slash at the end.
            file: the descriptor of the file.
            base: the position of the first list.
            directory: the positions and lengths of the lists.
        """
        self._root, self._path, self._file = root, f"{root}ucspi/{FILE}", file
        self._base, self._directory = base, directory
        self._all: dict[str, Entry] | None = None
        self._state = _identity(posix.fstat(file))

    def close(self) -> None:
        """Close the file; a later import opens it again for a moment."""
        posix.close(self._file)
        self._file = -1

    def run(self, name: str) -> None:
        """Run a module that has a list, after the modules in that.

        A module whose source has changed is left to the import system.
        """
        for entry in self._list(name) if name in self._directory else ():
            if entry[0] not in sys.modules and self._is_current(entry):
                self._run(entry)

    def _run(self, entry: "Entry") -> None:
        """Run a module as the import system does; its parent packages have been run before."""
        name = entry[0]
        parent, _, last = name.rpartition(".")
        module = _Module(name)
        module.__spec__ = spec = self._spec(entry)
        module.__loader__ = self  # type: ignore[assignment]
        module.__file__ = spec.origin
        module.__package__ = name if entry[3] else parent
        if entry[3]:
            module.__path__ = spec.submodule_search_locations  # type: ignore[assignment]
        sys.modules[name] = module
        try:
            exec(self._code(entry), module.__dict__)
        except BaseException:
            del sys.modules[name]
            raise
        if parent:
            setattr(sys.modules[parent], last, module)

    def _list(self, name: str) -> "Sequence[Entry]":
        return self._load(*self._directory[name])  # type: ignore[return-value]

    def _code(self, entry: "Entry") -> "CodeType":
        code: CodeType = self._load(entry[1], entry[2])  # type: ignore[assignment]
        _fix_co_filename(code, self._root + entry[4])  # so tracebacks name the installed file
        return code

    def _load(self, position: int, length: int) -> object:
        if self._file >= 0:
            return loads(posix.pread(self._file, length, self._base + position))
        file = posix.open(self._path, posix.O_RDONLY | posix.O_CLOEXEC)
        try:
            if _identity(posix.fstat(file)) != self._state:
                raise ImportError(f"{self._path} was replaced")
            return loads(posix.pread(file, length, self._base + position))
        finally:
            posix.close(file)

    def _is_current(self, entry: "Entry") -> bool:
        """Return whether the source is still what was packed."""
        try:
            status = posix.stat(self._root + entry[4])
        except OSError:
            return False
        return status.st_size == entry[5] and status.st_mtime <= self._state[3] + LATER

    def _spec(self, entry: "Entry") -> "ModuleSpec":
        spec = _Spec(entry[0], self, origin=self._root + entry[4], is_package=entry[3])  # type: ignore[arg-type]
        spec.has_location = True
        if entry[3]:
            spec.submodule_search_locations = [spec.origin[: -len("/__init__.py")]]  # type: ignore[index]
        return spec

    def find_spec(self, name: str, path: object = None, target: object = None) -> "ModuleSpec | None":
        """Return where one of our modules is, for the import system; None leaves it to other finders."""
        if name in COMPILED:
            return self._compiled(name)
        if not name.startswith("ucspi.") or not self._is_there():
            return None
        if self._all is None:
            self._all = {entry[0]: entry for entry in self._list("")}
        entry = self._all.get(name)
        if entry is None or not self._is_current(entry):
            return None
        if name in self._directory:
            for needed in self._list(name)[:-1]:
                if needed[0] not in sys.modules and self._is_current(needed):
                    self._run(needed)
        return self._spec(entry)

    def _is_there(self) -> bool:
        """Return whether the file is still the one that we opened."""
        try:
            return _identity(posix.stat(self._path)) == self._state
        except OSError:
            return False

    def _compiled(self, name: str) -> "ModuleSpec | None":
        """Look for a compiled module where it normally is, instead of listing directories."""
        file = self._root + name.replace(".", "/") + _SUFFIX
        try:
            posix.stat(file)
        except OSError:
            return None
        spec = _Spec(name, _bootstrap.ExtensionFileLoader(name, file), origin=file)
        spec.has_location = True
        return spec

    def create_module(self, spec: "ModuleSpec") -> None:
        """Return None: the import system makes the module."""

    def exec_module(self, module: "ModuleType") -> None:
        """Run a module that `find_spec` found."""
        assert self._all is not None
        exec(self._code(self._all[module.__name__]), module.__dict__)


def _identity(status: posix.stat_result) -> tuple[int, int, int, float]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime
