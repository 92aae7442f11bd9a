"""``envdir DIR CHILD [ARG ...]``: run a program with the environment variables in a directory of files."""

import posix as os
import sys

from ucspi.exits import EXIT_TEMPORARY
from ucspi.programs._execute import execute
from ucspi.programs._program import Stop, fatal, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ucspi.unix.chain import Plan

PROGRAM = b"envdir"
USAGE = b"envdir: usage: envdir dir child"

# The kernel refuses a variable of 128 KiB, and a device may never end.
_LINE_MAX = 1 << 20
_BLOCK = 65536


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code if there is nothing to execute."""
    return run(_envdir, argv, USAGE)


def plan(argv: list[bytes]) -> "Plan | None":
    """Return what the program would do as a step of a chain; None where it must be executed."""
    from ucspi.unix.chain import Plan  # servers have it; when we are executed nobody asks

    if len(argv) < 3 or not argv[1]:
        return None
    return Plan(PROGRAM, "USYS_DIRECTORY", argv[2], argv[2:], path=argv[1] + b"/.")


def _envdir(argv: list[bytes]) -> int:
    if len(argv) < 3:
        raise Stop(USAGE, EXIT_TEMPORARY)  # the only usage error here that is not 100
    execute(PROGRAM, argv[2], argv[2:], changes=list(_changes(argv[1])))


def _changes(path: bytes) -> "Iterator[bytes]":
    """Yield the change of the environment for each file, in the order of the directory."""
    directory = _enter(path)
    for name in _names(path, directory):
        try:
            change = _change(name, directory)
        except FileNotFoundError:
            continue  # a dangling link, or a file that was just removed
        except OSError as error:
            raise fatal(PROGRAM, b"unable to read %b/%b" % (path, name), error) from None
        yield change
    os.close(directory)


def _enter(path: bytes) -> int:
    """Return a descriptor of a directory that we may search; the current directory does not change."""
    try:
        return os.open(path and path + b"/.", os.O_PATH | os.O_DIRECTORY)
    except OSError as error:
        raise fatal(PROGRAM, b"unable to switch to directory " + path, error) from None


def _names(path: bytes, directory: int) -> list[bytes]:
    try:
        readable = os.open(b".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=directory)
        names = [name.encode(sys.getfilesystemencoding(), "surrogateescape") for name in os.listdir(readable)]
    except OSError as error:
        raise fatal(PROGRAM, b"unable to read directory " + path, error) from None
    os.close(readable)
    return [name for name in names if not name.startswith(b".")]


def _change(name: bytes, directory: int) -> bytes:
    """Return ``NAME=VALUE``, or only the name, which unsets it, if the file is empty.

    Raises:
        OSError: the file cannot be read; EAGAIN for a fifo with a writer and no data.
    """
    number = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=directory)
    try:
        text = _first_line(number)
    finally:
        os.close(number)
    return name if text is None else name + b"=" + text.rstrip(b" \t").replace(b"\0", b"\n")


def _first_line(number: int) -> bytes | None:
    """Return the text before the first newline; None for an empty file."""
    text = b""
    while len(text) < _LINE_MAX and (data := os.read(number, _BLOCK)):
        text += data
        if b"\n" in data:
            break
    return text.partition(b"\n")[0] if text else None
