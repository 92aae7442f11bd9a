"""Runs a program behind a proxy that copies its standard input and output.

The program is executed in our own process, so our parent sees its pid and its
exit code.  The proxy is a child of it.  It has the descriptors 0 and 1 that we
were given; the program has pipes to the proxy.  The proxy is the mover, a small
program in C (`ucspi.unix.mover`), or a copy of us where there is none.
"""

import _signal
import posix as os

from ucspi.exits import EXIT_TEMPORARY, EXIT_USAGE
from ucspi.programs._execute import execute
from ucspi.programs._program import Stop, fatal
from ucspi.unix import mover
from ucspi.unix.fds import occupy_standard
from ucspi.unix.output import say
from ucspi.unix.signals import undo_ignored

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from ucspi.unix.chain import Plan

    Copy = Callable[[int, int, int], None]  # given the program's pid, and our ends of its input and output


def plan_behind_proxy(name: bytes, argv: list[bytes], order: bytes) -> "Plan | None":
    """Return what `execute_behind_proxy` would do as a step of a chain; None where it must be executed."""
    from ucspi.unix.chain import Plan  # servers have it; when we are executed nobody asks

    if len(argv) < 2 or mover.descriptor() < 0:
        return None
    return Plan(name, "USYS_COPIER", argv[1], argv[1:], order=order)


def execute_behind_proxy(
    name: bytes, argv: list[bytes], order: bytes, load: "Callable[[], Copy]"
) -> "NoReturn":
    """Execute the program of the command line, with a proxy as its child.

    Args:
        name: our name, for error messages.
        argv: our command line.
        order: what the mover is to do.
        load: returns the function that does it in Python.

    Raises:
        Stop: there is no program, it cannot be executed, or there is no pipe or process for the proxy.
    """
    if len(argv) < 2:
        raise Stop(b"%s: usage: %s program [ arg ... ]" % (name, name), EXIT_USAGE)
    in_python = None if mover.is_there() else load()
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

        def copy() -> None:
            os.close(to_program[0])
            os.close(from_program[1])
            undo_ignored(_signal.SIGXFSZ)
            kept = to_program[1], from_program[0]
            mover.become(b"%s %d %d %d" % (order, *kept, program), argv, kept)
            (in_python or load())(program, *kept)

        _run_proxy(name, copy)
    _move(name, to_program[0], from_program[1])
    execute(name, argv[1], argv[1:])


def _move(name: bytes, reader: int, writer: int) -> None:
    """Make the program's ends of the pipes its descriptors 0 and 1; the exec closes the others."""
    try:
        os.dup2(reader, 0)
        os.dup2(writer, 1)
    except OSError as error:
        raise fatal(name, b"unable to move descriptors", error) from None


def _run_proxy(name: bytes, copy: "Callable[[], None]") -> "NoReturn":
    """Be the proxy, in the child; never return into the callers of the parent."""
    why = b"out of memory"
    try:
        copy()
        os._exit(0)
    except MemoryError:
        pass
    except BaseException as error:
        why = ascii(error).encode()  # a fault of ours
    finally:
        say(name + b": fatal: unable to copy: " + why)
        os._exit(EXIT_TEMPORARY)
