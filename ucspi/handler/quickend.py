"""Ending a process without taking its interpreter apart, which takes longer than to serve a connection."""

import gc
import io
import os
import sys

from ucspi.handler._native import stem as native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_WRITERS = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)


def writers() -> "tuple[object, ...]":
    """Return the files that hold something until they are flushed, of those that the collector knows."""
    return tuple([thing for thing in gc.get_objects() if isinstance(thing, _WRITERS)])


def flush(files: "tuple[object, ...]") -> None:
    """Flush all files.

    Args:
        files: those from before a ``gc.freeze``, which the collector does not show any more.
    """
    # The standard files are named too: not every Python's collector shows those it was started with.
    listed = (*files, sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    assert native is not None
    native.flush(gc.get_objects(), _WRITERS, listed)


def end(code: int, files: "tuple[object, ...]" = ()) -> "NoReturn":
    """Do what Python does at its end, as far as anybody sees it; then exit.

    It waits for threads, calls what is registered with ``atexit``, and flushes files.

    Args:
        code: the exit code.
        files: as `flush` takes them.
    """
    threading = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()
    if "atexit" in sys.modules:
        sys.modules["atexit"]._run_exitfuncs()
    flush(files)
    os._exit(code)
