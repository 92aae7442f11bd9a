"""Our modules in one file, so that a command need not look for each of them.

To find a module, to read its compiled code and to check that it is that of its
source takes longer than to run it, and a small command needs a dozen of them.
An installed package with a launcher therefore has its code a second time, in
one file beside this one, with a list for each command of what it needs from its
start, in order.  Those modules are run without asking the import system; it
finds the others there too, when they are imported.  Some of them have a list as
well: what is loaded together.

    magic number of the interpreter, where the lists begin, length of the file (u32, little-endian)
    marshalled: directory, code of this module, code of `_start`
    lists and code, marshalled, one after another

The directory says of each module that a command runs where its list is, and of
"" where the list of all is: ``{name: (position, length)}``.  A list is a tuple of
``(name, position, length, is a package, path, size of its source)``.  Positions
count from the first list, paths from where the package is.

The file is only used by the Python that it was made for, and for a module only
while its source is as it was: of the same size, and not changed since.  An
editable installation has no such file.  ``cdbext/pack.py`` makes it.

Nothing is imported here that an interpreter without ``site`` has to look for.
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
LATER = 60.0  # seconds that installing one file after another may take
COMPILED = ("_cffi_backend", "ucspi._cdbcore", "ucspi._syscore", "ucspi._title")
_SUFFIX = extension_suffixes()[0]
_bootstrap = sys.modules["_frozen_importlib_external"]
_Spec = type(sys.__spec__)
_Module = type(sys)


class Packed:
    """Finds modules of ours in the file, and runs those that a command begins with."""

    def __init__(self, root: str, file: int, base: int, directory: "dict[str, tuple[int, int]]") -> None:
        """Own the open file of the package below ``root``, which ends with a slash.

        Args:
            root: where the package is.
            file: the descriptor.
            base: what positions count from.
            directory: where the lists are.
        """
        self._root, self._path, self._file = root, f"{root}ucspi/{FILE}", file
        self._base, self._directory = base, directory
        self._all: dict[str, Entry] | None = None
        self._state = _identity(posix.fstat(file))

    def close(self) -> None:
        """Close the file; for what is imported later it is opened again, for a moment."""
        posix.close(self._file)
        self._file = -1

    def run(self, name: str) -> None:
        """Run a module that has a list, and before it those that it imports, or some of them.

        What is left out, as its source is another by now, is for the import system.
        """
        for entry in self._list(name) if name in self._directory else ():
            if entry[0] not in sys.modules and self._is_current(entry):
                self._run(entry)

    def _run(self, entry: "Entry") -> None:
        """Do what the import system does, whose parent packages have been run."""
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
        _fix_co_filename(code, self._root + entry[4])  # tracebacks name the file where it was installed
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
        """Return whether the source is there as it was packed."""
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
        """Return where a module of ours is, for the import system; None leaves it to others."""
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
        """Return whether the file still is the one that we began with."""
        try:
            return _identity(posix.stat(self._path)) == self._state
        except OSError:
            return False

    def _compiled(self, name: str) -> "ModuleSpec | None":
        """Look for a compiled module in one place, where it mostly is, instead of listing directories."""
        file = self._root + name.replace(".", "/") + _SUFFIX
        try:
            posix.stat(file)
        except OSError:
            return None
        spec = _Spec(name, _bootstrap.ExtensionFileLoader(name, file), origin=file)
        spec.has_location = True
        return spec

    def create_module(self, spec: "ModuleSpec") -> None:
        """Have an ordinary module made."""

    def exec_module(self, module: "ModuleType") -> None:
        """Run a module that `find_spec` has found."""
        assert self._all is not None
        exec(self._code(self._all[module.__name__]), module.__dict__)


def _identity(status: posix.stat_result) -> tuple[int, int, int, float]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime
