"""``softlimit [-LETTER LIMIT ...] CHILD [ARG ...]``: run a program with lower limits."""

import posix as os

from ucspi.exits import EXIT_TEMPORARY, EXIT_USAGE
from ucspi.programs._options import parse
from ucspi.programs._program import Stop, fatal, run
from ucspi.unix import limits, search
from ucspi.unix.environ import inherited, value_of
from ucspi.unix.errtext import describe
from ucspi.unix.signals import undo_ignored
from ucspi.unix.stderr import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    Limit = tuple[int, tuple[int, int]]

NAME = b"softlimit"
USAGE = (
    b"softlimit: usage: softlimit [-a allbytes] [-c corebytes] [-d databytes] [-f filebytes] "
    b"[-l lockbytes] [-m membytes] [-o openfiles] [-p processes] [-r residentbytes] "
    b"[-s stackbytes] [-t cpusecs] child"
)
_RESOURCES = {
    b"a": (limits.AS,),
    b"c": (limits.CORE,),
    b"d": (limits.DATA,),
    b"f": (limits.FSIZE,),
    b"l": (limits.MEMLOCK,),
    b"m": (limits.DATA, limits.STACK, limits.MEMLOCK, limits.AS),
    b"o": (limits.NOFILE,),
    b"p": (limits.NPROC,),
    b"r": (limits.RSS,),
    b"s": (limits.STACK,),
    b"t": (limits.CPU,),
}
_LETTERS = b"".join(letter + b":" for letter in _RESOURCES)
# What an interpreter needs to start, in bytes; see the man page.
_PYTHON_NEEDS = {limits.AS: 16_000_000, limits.DATA: 8_000_000}
# What the exec takes at most: for itself, for each string, for each byte of them.  Source: found by trying.
_RESERVE, _PER_STRING, _PER_BYTE = 256 * 1024, 512, 4


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code if there is nothing to execute."""
    return run(_softlimit, argv, USAGE)


def _softlimit(argv: list[bytes]) -> int:
    options, child = parse(argv, _LETTERS, USAGE)
    wanted = [(letter, _value(value)) for letter, value in options]
    if not child:
        raise Stop(USAGE, EXIT_USAGE)
    _become(child, _limits(wanted))


def _value(text: bytes) -> int | None:
    """Return the number that a limit is, None for ``=``, the hard limit; nothing at all is 0.

    Raises:
        Stop: it is neither.
    """
    if text == b"=":
        return None
    if text.strip(b"0123456789"):
        raise Stop(USAGE, EXIT_USAGE)
    digits = text.lstrip(b"0")[:32]  # a longer one is above every limit all the same
    return int(digits or b"0")


def _limits(wanted: list[tuple[bytes, int | None]]) -> "list[Limit]":
    try:
        return [limits.soft(number, value) for letter, value in wanted for number in _RESOURCES[letter]]
    except (OSError, ValueError):
        raise Stop(NAME + b": fatal: getrlimit failed", EXIT_TEMPORARY) from None


def _become(argv: list[bytes], chosen: "list[Limit]") -> "NoReturn":
    """Set the limits, last of all: from then on there may be no memory for anything but the exec."""
    entries = inherited()
    files = search.files(argv[0], value_of(entries, b"PATH"))
    complaint = NAME + b": fatal: unable to run " + argv[0] + b": "
    out_of_memory = Stop(complaint + b"out of memory", EXIT_TEMPORARY)
    _warn_of_python(files, chosen)
    undo_ignored()
    strings = argv + entries + files
    held = None
    try:
        held = limits.reserve(_RESERVE + _PER_STRING * len(strings) + _PER_BYTE * sum(map(len, strings)))
        _apply(chosen)
        search.execute(files, argv, entries)
    except OSError as error:
        raise Stop(complaint + describe(error.errno), EXIT_TEMPORARY) from None
    except MemoryError:
        raise out_of_memory from None
    finally:
        del held


def _warn_of_python(files: list[bytes], chosen: "list[Limit]") -> None:
    """Tell who gives a Python program less than it can start with: it often dies without a word."""
    given = {number: soft for number, (soft, _) in chosen}
    # What is negative is a number without sign that is huge.
    if not any(0 <= given.get(number, least) < least for number, least in _PYTHON_NEEDS.items()):
        return
    program = next((file for file in files if os.access(file, os.X_OK)), b"")
    if _is_python(program):
        say(
            b"softlimit: warning: %s is run by Python, which may not start below -m 16000000 "
            b"(-a 16000000, -d 8000000): raise the limit, or put softlimit behind it" % program
        )


def _is_python(program: bytes) -> bool:
    """Return whether a file is an interpreter of Python, or a script that one runs."""
    try:
        with open(program, "rb") as file:
            begin = file.read(256).partition(b"\n")[0]
    except OSError:
        return False
    words = begin[2:].split() if begin.startswith(b"#!") else [program]
    return any(word.rpartition(b"/")[2].startswith(b"python") for word in words)


def _apply(chosen: "list[Limit]") -> None:
    try:
        limits.apply(chosen)
    except (OSError, ValueError) as error:
        raise fatal(NAME, b"setrlimit failed", error if isinstance(error, OSError) else None) from None
