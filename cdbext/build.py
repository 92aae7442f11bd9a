"""The cffi builder of the two compiled modules; only ``setup.py`` imports it.

``ucspi._cdbcore``  cdb images and rules: ``cdb/``, ``rules/``, and ``python/`` where CPython is
``ucspi._syscore``  the system, streams of lines, PROXY headers: ``system/``, ``lines/``, ``proxy/``

A module is one ``NAME.cdef`` (what Python may call), the header ``NAME.h`` (where that is declared), and
every C file of its folders.  No file includes ``Python.h`` but those of ``python/``, which are built where
the C API is at home: in CPython.
"""

import os
import sys

from cffi import FFI

HERE = os.path.dirname(os.path.abspath(__file__))
ALONE = (
    "python/processtitle.c",
    "python/stemfork.c",
    "python/stemenviron.c",
    "python/stemcall.c",
    "python/stemkept.c",
    "python/stemflush.c",
    "system/keptstate.c",
    "system/stempacket.c",
)  # modules of their own, which setup.py builds

# cffi's own generated code is compiled with these too, so only what it passes.
FLAGS = ["-std=c11", "-O3", "-fno-strict-aliasing", "-fvisibility=hidden"]

# All symbols are bound at load: a spawned child that shares our memory must
# not enter the dynamic linker.
LINK_FLAGS = ["-Wl,-z,now"] if sys.platform == "linux" else []


def _files(folder: str, endings: tuple[str, ...]) -> list[str]:
    """Return the files of a folder below this one, as paths from here."""
    names = sorted(os.listdir(os.path.join(HERE, folder)))
    return [os.path.join(folder, name).removeprefix("./") for name in names if name.endswith(endings)]


def _builder(name: str, folders: list[str], macros: list[tuple[str, str | None]]) -> FFI:
    ffi = FFI()
    with open(os.path.join(HERE, f"{name}.cdef"), encoding="ascii") as cdef:
        ffi.cdef(cdef.read())
    if "python" in folders:
        ffi.cdef("int ucdb_register(void);")
    sources = [source for folder in folders for source in _files(folder, (".c",)) if source not in ALONE]
    headers = [header for folder in [".", "numbers", *folders] for header in _files(folder, (".h", ".cdef"))]
    ffi.set_source(
        f"ucspi._{name}",
        f'#include "{name}.h"\n',
        sources=[f"cdbext/{source}" for source in sources],
        depends=[f"cdbext/{header}" for header in headers],
        include_dirs=["cdbext"],
        define_macros=macros,
        extra_compile_args=FLAGS,
        extra_link_args=LINK_FLAGS,
        py_limited_api=False,  # the native types need the full C API
    )
    return ffi


_CPYTHON = ["python"] if sys.implementation.name == "cpython" else []

cdbcore = _builder("cdbcore", ["cdb", "rules", *_CPYTHON], [("_CFFI_NO_LIMITED_API", None)])
syscore = _builder(
    "syscore", ["system", "lines", "proxy"], [("_CFFI_NO_LIMITED_API", None), ("_GNU_SOURCE", None)]
)
