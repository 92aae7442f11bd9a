"""Runs a program behind a proxy that copies its standard input and output.

The program is executed in our own process, so our parent sees its pid and its
exit code.  The proxy is a child of it.  It has the descriptors 0 and 1 that we
were given; the program has pipes to the proxy.
"""

import _signal
import os

from ucspi.exits import EXIT_TEMPORARY, EXIT_USAGE
from ucspi.programs._execute import execute
from ucspi.programs._program import Stop, fatal
from ucspi.unix.fds import is_readable, occupy_standard
from ucspi.unix.output import say
from ucspi.unix.relay import Direction, relay
from ucspi.unix.signals import undo_ignored

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


class Conversion:
    """What the proxy does with one direction.

    It reads at most ``size`` bytes, writes what ``convert`` returns for them, and
    calls ``at_end`` at the end.
    """

    __slots__ = ("at_end", "convert", "size")

    def __init__(
        self, size: int, convert: "Callable[[bytes], bytes | memoryview]", at_end: "Callable[[], object]"
    ) -> None:
        self.size, self.convert, self.at_end = size, convert, at_end


def execute_behind_proxy(
    name: bytes, argv: list[bytes], conversions: "Callable[[int], tuple[Conversion, Conversion]]"
) -> "NoReturn":
    """Execute the program of the command line, with a proxy as its child.

    Args:
        name: our name, for error messages.
        argv: our command line.
        conversions: called with the program's pid; returns that of its input and that of its output.

    Raises:
        Stop: there is no program, it cannot be executed, or there is no pipe or process for the proxy.
    """
    if len(argv) < 2:
        raise Stop(b"%s: usage: %s program [ arg ... ]" % (name, name), EXIT_USAGE)
    occupy_standard()
    try:
        to_program, from_program = os.pipe(), os.pipe()
    except OSError as error:
        raise fatal(name, b"unable to create pipe", error) from None
    program = os.getpid()
    try:
        child = os.fork()
    except OSError as error:
        raise fatal(name, b"unable to fork", error) from None
    if child == 0:
        _run_proxy(name, lambda: conversions(program), to_program, from_program)
    _move(name, to_program[0], from_program[1])
    execute(name, argv[1], argv[1:])


def _move(name: bytes, reader: int, writer: int) -> None:
    """Make the program's ends of the pipes its descriptors 0 and 1; the exec closes the others."""
    try:
        os.dup2(reader, 0)
        os.dup2(writer, 1)
    except OSError as error:
        raise fatal(name, b"unable to move descriptors", error) from None


def _run_proxy(
    name: bytes,
    conversions: "Callable[[], tuple[Conversion, Conversion]]",
    to_program: tuple[int, int],
    from_program: tuple[int, int],
) -> "NoReturn":
    """Be the proxy, in the child; never return into the callers of the parent."""
    why = b"out of memory"
    try:
        os.close(to_program[0])
        os.close(from_program[1])
        undo_ignored(_signal.SIGXFSZ)
        _copy(conversions(), to_program[1], from_program[0])
        os._exit(0)
    except MemoryError:
        pass
    except BaseException as error:
        why = ascii(error).encode()  # a fault of ours
    finally:
        say(name + b": fatal: unable to copy: " + why)
        os._exit(EXIT_TEMPORARY)


def _copy(conversions: tuple[Conversion, Conversion], to_program: int, from_program: int) -> None:
    """Copy until the program has closed its output, or nobody reads that any more."""

    def end_input() -> None:
        conversions[0].at_end()
        os.close(to_program)

    def end_output() -> None:
        # A program that ends at once may be gone before we have read its input.
        # What arrived before it ended belongs in the log.
        if not there.has_begun and is_readable(0):
            there.read()
        conversions[1].at_end()

    there = Direction(0, to_program, conversions[0].size, conversions[0].convert, end_input, is_own=True)
    back = Direction(from_program, 1, conversions[1].size, conversions[1].convert, end_output)
    relay(there, back)
