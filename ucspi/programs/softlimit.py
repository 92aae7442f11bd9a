"""``softlimit [-LETTER LIMIT ...] CHILD [ARG ...]``: run a program with lower limits."""

import posix as os

from ucspi.decimal import DIGITS, first_digits
from ucspi.exits import EXIT_TEMPORARY, EXIT_USAGE
from ucspi.programs._options import parse
from ucspi.programs._program import Stop, fatal, run
from ucspi.unix import rlimits, search
from ucspi.unix.environ import inherited, value_of
from ucspi.unix.output import say
from ucspi.unix.signals import undo_ignored

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from ucspi.unix.chain import Plan

    Limit = tuple[int, tuple[int, int]]

PROGRAM = b"softlimit"
USAGE = (
    b"softlimit: usage: softlimit [-a allbytes] [-c corebytes] [-d databytes] [-f filebytes] "
    b"[-l lockbytes] [-m membytes] [-o openfiles] [-p processes] [-r residentbytes] "
    b"[-s stackbytes] [-t cpusecs] child"
)
_RESOURCES = {
    b"a": (rlimits.AS,),
    b"c": (rlimits.CORE,),
    b"d": (rlimits.DATA,),
    b"f": (rlimits.FSIZE,),
    b"l": (rlimits.MEMLOCK,),
    b"m": (rlimits.DATA, rlimits.STACK, rlimits.MEMLOCK, rlimits.AS),
    b"o": (rlimits.NOFILE,),
    b"p": (rlimits.NPROC,),
    b"r": (rlimits.RSS,),
    b"s": (rlimits.STACK,),
    b"t": (rlimits.CPU,),
}
_LETTERS = b"".join(letter + b":" for letter in _RESOURCES)
# Bytes with which each of our programs works without a launcher, which makes room for the interpreter.
_ENOUGH = 32_000_000


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code if there is nothing to execute."""
    return run(_softlimit, argv, USAGE)


def _softlimit(argv: list[bytes]) -> int:
    wanted, child = _read_command_line(argv)
    _become(child, _limits(wanted))


def plan(argv: list[bytes]) -> "Plan | None":
    """Return what the program would do as a step of a chain; None where it must be executed."""
    from ucspi.unix.chain import Plan  # servers have it; when we are executed nobody asks

    try:
        wanted, child = _read_command_line(argv)
        chosen = _limits(wanted)
    except Stop:
        return None
    limits = [(number, value) for letter, value in wanted for number in _RESOURCES[letter]]
    refuses = _would_run_python if _leaves_little_memory(chosen) else None
    return Plan(PROGRAM, "USYS_LIMITS", child[0], child, limits=limits, refuses=refuses)


def _read_command_line(argv: list[bytes]) -> tuple[list[tuple[bytes, int | None]], list[bytes]]:
    options, child = parse(argv, _LETTERS, USAGE)
    wanted = [(letter, _value(value)) for letter, value in options]
    if not child:
        raise Stop(USAGE, EXIT_USAGE)
    return wanted, child


def _value(text: bytes) -> int | None:
    """Return a limit as a number, None for ``=``, the hard limit; an empty text is 0.

    Raises:
        Stop: it is neither.
    """
    if text == b"=":
        return None
    if text.strip(DIGITS):
        raise Stop(USAGE, EXIT_USAGE)
    return first_digits(text, 32)  # a longer one is above every limit all the same


def _limits(wanted: list[tuple[bytes, int | None]]) -> "list[Limit]":
    try:
        return [rlimits.soft(number, value) for letter, value in wanted for number in _RESOURCES[letter]]
    except (OSError, ValueError):
        raise Stop(PROGRAM + b": fatal: getrlimit failed", EXIT_TEMPORARY) from None


def _become(argv: list[bytes], chosen: "list[Limit]") -> "NoReturn":
    """Execute the program; the limits are set last, because afterwards there may be no memory."""
    entries = inherited()
    files = search.files(argv[0], value_of(entries, b"PATH"))
    _warn_of_python(files, chosen)
    undo_ignored()
    try:
        search.execute(files, argv, entries, chosen)
    except OSError as error:
        raise fatal(PROGRAM, b"unable to run " + argv[0], error) from None


def _warn_of_python(files: list[bytes], chosen: "list[Limit]") -> None:
    """Warn when a Python script gets little memory: it often dies without a message.

    Our own commands are no scripts; their launcher makes room.
    """
    if _leaves_little_memory(chosen) and _would_run_python(files):
        say(
            b"softlimit: warning: %s is run by Python, which may not do its work below -m %d: "
            b"raise the limit, or put softlimit behind it" % (_executable(files), _ENOUGH)
        )


def _leaves_little_memory(chosen: "list[Limit]") -> bool:
    given = {number: soft for number, (soft, _) in chosen}
    # A negative number stands for a huge unsigned one.
    return any(0 <= given.get(number, _ENOUGH) < _ENOUGH for number in (rlimits.AS, rlimits.DATA))


def _executable(files: list[bytes]) -> bytes:
    return next((file for file in files if os.access(file, os.X_OK)), b"")


def _would_run_python(files: list[bytes]) -> bool:
    return _is_python(_executable(files))


def _is_python(program: bytes) -> bool:
    """Return whether a file is a Python interpreter or a script for one."""
    try:
        with open(program, "rb") as file:
            begin = file.read(256).partition(b"\n")[0]
    except OSError:
        return False
    words = begin[2:].split() if begin.startswith(b"#!") else [program]
    return any(word.rpartition(b"/")[2].startswith(b"python") for word in words)
