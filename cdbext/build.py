"""The cffi builder of the two compiled modules; only ``setup.py`` imports it.

``ucspi._cdbcore``  cdb images
``ucspi._syscore``  accepting connections, line ends, lines into logs, labels, local time, starting programs,
                    early write-out, helper processes

A module is one ``NAME.cdef`` (what Python may call) and a list of C files, one
subject each.  No file includes ``Python.h`` but ``py*.c``, which are built
where the C API is at home: in CPython.
"""

import os
import sys

from cffi import FFI

HERE = os.path.dirname(os.path.abspath(__file__))

# cffi's own generated code is compiled with these too, so only what it passes.
FLAGS = ["-std=c11", "-O3", "-fno-strict-aliasing", "-fvisibility=hidden"]

# All symbols are bound at load: a spawned child that shares our memory must
# not enter the dynamic linker.
LINK_FLAGS = ["-Wl,-z,now"] if sys.platform == "linux" else []


def _builder(name: str, subjects: list[str], macros: list[tuple[str, str | None]]) -> FFI:
    ffi = FFI()
    with open(os.path.join(HERE, f"{name}.cdef"), encoding="ascii") as cdef:
        ffi.cdef(cdef.read())
    if "pytype" in subjects:
        ffi.cdef("int ucdb_register(void);")
    ffi.set_source(
        f"ucspi._{name}",
        f'#include "{name}.h"\n',
        sources=[f"cdbext/{subject}.c" for subject in subjects],
        depends=[f"cdbext/{entry}" for entry in os.listdir(HERE) if entry.endswith((".h", ".cdef"))],
        include_dirs=["cdbext"],
        define_macros=macros,
        extra_compile_args=FLAGS,
        extra_link_args=LINK_FLAGS,
        py_limited_api=False,  # the native type needs the full C API
    )
    return ffi


CDB = ["damage", "hash", "find", "many", "walk", "distinct", "recognise", "sieve", "build", "check"]
CDB += ["text", "network", "rules", "ruledata", "lengths", "client", "decide", "relate"]
if sys.implementation.name == "cpython":
    CDB += ["pytype", "pyimage", "pyget", "pymany", "pyiterate", "pybuilder", "pyadd", "pysink"]

cdbcore = _builder("cdbcore", CDB, [("_CFFI_NO_LIMITED_API", None)])
syscore = _builder(
    "syscore",
    [
        "accept",
        "crlf",
        "distribute",
        "flush",
        "glance",
        "handler",
        "help",
        "label",
        "local",
        "spawn",
        "start",
    ],
    [("_CFFI_NO_LIMITED_API", None), ("_GNU_SOURCE", None)],
)
