"""``fghack CHILD [ARG ...]``: stay in the foreground while a program runs in the background.

A process inherits the descriptors of the one that started it, unless that closes
them.  The program gets many write ends of a pipe, to which it never writes.  When
the last of them is closed, all its descendants have ended.
"""

import os

from ucspi.exits import EXIT_TEMPORARY, EXIT_USAGE
from ucspi.programs._execute import execute
from ucspi.programs._program import Stop, fatal, run
from ucspi.unix.fds import occupy_standard
from ucspi.unix.output import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

PROGRAM = b"fghack"
USAGE = b"fghack: usage: fghack child"

# Further write ends, for a program that closes the first twenty or so.  Source: seen in the original.
_COPIES = 30
_BLOCK = 4096


def main(argv: list[bytes] | None = None) -> int:
    """Run the program and wait for all its descendants; return its exit code."""
    return run(_fghack, argv, USAGE)


def _fghack(argv: list[bytes]) -> int:
    if len(argv) < 2:
        raise Stop(USAGE, EXIT_USAGE)
    occupy_standard()
    try:
        reader, writer = os.pipe()
    except OSError as error:
        raise fatal(PROGRAM, b"unable to create pipe", error) from None
    try:
        child = os.fork()
    except OSError as error:
        raise fatal(PROGRAM, b"unable to fork", error) from None
    if child == 0:
        os.close(reader)
        _child(argv[1:], writer)
    os.close(writer)
    _drain(reader)
    return _end_of(child)


def _child(argv: list[bytes], writer: int) -> "NoReturn":
    """Be the program, in the child; never return into the callers of the parent."""
    try:
        os.set_inheritable(writer, True)
        _copy(writer)
        execute(PROGRAM, argv[0], argv)
    except Stop as stop:
        say(stop.line)
    finally:
        os._exit(EXIT_TEMPORARY)


def _copy(writer: int) -> None:
    try:
        for _ in range(_COPIES):
            os.set_inheritable(os.dup(writer), True)
    except OSError:
        pass  # at the limit of descriptors


def _drain(reader: int) -> None:
    """Read until all write ends are closed: what is written by mistake must not block the program."""
    try:
        while os.read(reader, _BLOCK):
            pass
    except OSError:
        pass


def _end_of(child: int) -> int:
    try:
        status = os.waitpid(child, 0)[1]
    except OSError as error:
        raise fatal(PROGRAM, b"wait failed", error) from None
    if os.WIFSIGNALED(status):
        raise fatal(PROGRAM, b"child crashed")
    return os.WEXITSTATUS(status)
