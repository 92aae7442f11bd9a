"""Ending a process without taking its interpreter apart, which takes longer than to serve a connection."""

import gc
import io
import os
import sys

from ucspi.handler._native import stem as native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NoReturn

_WRITERS = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)


def writers() -> list[io.IOBase]:
    """Return the files that hold something until they are flushed, of those that the collector knows."""
    things = gc.get_objects()
    if native is not None:
        return native.instances(things, _WRITERS)  # type: ignore[return-value]
    return [thing for thing in things if isinstance(thing, _WRITERS)]


def end(code: int, files: "Iterable[io.IOBase]" = ()) -> "NoReturn":
    """Do what Python does at its end, as far as anybody sees it; then exit.

    It waits for threads, calls what is registered with ``atexit``, and flushes files.

    Args:
        code: the exit code.
        files: those from before a ``gc.freeze``, which the collector does not show any more.
    """
    threading = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()
    if "atexit" in sys.modules:
        sys.modules["atexit"]._run_exitfuncs()
    # The standard files are named too: not every Python's collector shows those it was started with.
    listed = (*files, *writers(), sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    for file in {id(file): file for file in listed}.values():
        try:
            if file is not None:
                file.flush()
        except Exception:
            pass  # closed, or what it holds cannot be written
    os._exit(code)
