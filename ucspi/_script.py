"""Loading a program without the launcher: for the scripts in ``bin/`` and for ``ucspi PROGRAM``."""

import posix
import sys

from ucspi.exits import EXIT_TEMPORARY
from ucspi.unix.output import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import NoReturn


def run(module: str) -> "NoReturn":
    """Run a program, named by its module below ``ucspi``, with the arguments of this process; then exit."""
    raise SystemExit(load(module, sys.argv[0].rpartition("/")[2]).main())


def load(module: str, name: str) -> "ModuleType":
    """Import a program; if that fails, exit with one line that begins with the program's ``name``."""
    try:
        return __import__(f"ucspi.{module}", fromlist=["main"])
    except ImportError as error:
        refuse(name, error)


def refuse(name: str, error: ImportError) -> "NoReturn":
    """Say in one line what cannot be loaded, and exit: ``UCSPI_CDB`` has a bad value, or memory is short."""
    say(f"{name}: fatal: {error}".encode(sys.getfilesystemencoding(), "surrogateescape"))
    posix._exit(EXIT_TEMPORARY)
