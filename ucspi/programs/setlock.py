"""``setlock [-nNxX] FILE PROGRAM [ARG ...]``: run a program while a file is locked."""

import os

from ucspi.exits import EXIT_USAGE
from ucspi.programs._execute import execute
from ucspi.programs._options import parse
from ucspi.programs._program import Stop, fatal, run
from ucspi.unix import locks
from ucspi.unix.fds import occupy_standard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.unix.chain import Plan

PROGRAM = b"setlock"
USAGE = b"setlock: usage: setlock [ -nNxX ] file program [ arg ... ]"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code if there is nothing to execute."""
    return run(_setlock, argv, USAGE)


def plan(argv: list[bytes]) -> "Plan | None":
    """Return what the program would do as a step of a chain; None where it must be executed.

    The options say what becomes of a lock that somebody holds: the program is executed then.
    """
    from ucspi.unix.chain import Plan  # servers have it; when we are executed nobody asks

    try:
        _, operands = parse(argv, b"nNxX", USAGE)
    except Stop:
        return None
    if len(operands) < 2:
        return None
    return Plan(PROGRAM, "USYS_LOCK", operands[1], operands[1:], path=operands[0])


def _setlock(argv: list[bytes]) -> int:
    options, operands = parse(argv, b"nNxX", USAGE)
    if len(operands) < 2:
        raise Stop(USAGE, EXIT_USAGE)
    letters = b"".join(letter for letter, _ in options)
    silent = letters.rfind(b"x") > letters.rfind(b"X")
    occupy_standard()  # else the lock could become descriptor 0, which the program may close
    try:
        _lock(operands[0], wait=letters.rfind(b"n") <= letters.rfind(b"N"))
    except Stop:
        if silent:
            return 0
        raise
    execute(PROGRAM, operands[1], operands[1:])


def _lock(path: bytes, *, wait: bool) -> None:
    """Lock the file, on a descriptor that the program inherits."""
    try:
        number = locks.open_file(path)
    except OSError as error:
        raise fatal(PROGRAM, b"unable to open " + path, error) from None
    try:
        locks.lock(number, wait=wait)
    except OSError as error:
        raise fatal(PROGRAM, b"unable to lock " + path, error) from None
    os.set_inheritable(number, True)
