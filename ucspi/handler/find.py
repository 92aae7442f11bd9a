"""Finding the function that serves.  Its module is the operator's, and may use what is installed with us."""

import os
import sys

from ucspi.errors import NoFunctionError
from ucspi.unix import inheritedstate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

_OURS = __file__.rpartition("/")[0] + "/"


def allow_imports(given: "list[str]", python_path: str) -> None:
    """Let Python find modules of the operator, behind those of the standard library and our own.

    Directories are made absolute, so that the function may change to another one.
    Files that end with ``.pth`` are not read: they could put something first.

    Args:
        given: directories that are searched first.
        python_path: the value of ``$PYTHONPATH``; they are searched next, then the
            working directory, then the packages of the environment that we are in.
    """
    for directory in _directories(given, python_path):
        if directory not in sys.path:
            sys.path.append(directory)


def _directories(given: "list[str]", python_path: str) -> "Iterator[str]":
    for directory in [*given, *(python_path.split(":") if python_path else ()), ""]:
        try:
            yield os.path.abspath(directory)
        except OSError:
            pass  # the working directory was removed
    if inheritedstate.is_launched:  # otherwise `site` has found them
        from ucspi._start import places

        yield from places()


def load(module: str, function: str) -> "Callable[..., object]":
    """Import a module and return a function of it, or what a dotted name in it leads to.

    Raises:
        NoFunctionError: the module cannot be imported, or has no such function.
            The text is one line.
    """
    try:
        __import__(module)
        found: object = sys.modules[module]
    except BaseException as error:
        raise NoFunctionError(f"unable to import {module}: {_one_line(error)}") from error
    try:
        for name in function.split("."):
            found = getattr(found, name)
    except Exception as error:
        raise NoFunctionError(f"unable to find {function} in {_place(module)}: {_one_line(error)}") from error
    if not callable(found):
        raise NoFunctionError(f"{function} in {_place(module)} is no function")
    return found


def _place(module: str) -> str:
    """Return a module's file: somebody else's may have the name that was meant."""
    return getattr(sys.modules[module], "__file__", None) or module


def _one_line(error: BaseException) -> str:
    """Return what an error says, and where it was raised, unless it says that itself."""
    text = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    place = "" if isinstance(error, SyntaxError) else _raised_at(error.__traceback__)
    return f"{text} ({place})" if place else text


def _raised_at(traceback: "TracebackType | None") -> str:
    """Return the last line of a file that is neither ours nor of the import system."""
    place = ""
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if not name.startswith((_OURS, "<")):
            place = f"{name}, line {traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place
