"""What this process inherited, as it was before Python's start changed it.

The launcher (``cdbext/launcher/launch.c``) looks before it starts the interpreter,
and ``ucspi/_start.py`` notes here what it found.  Without the launcher nothing is
known.

Attributes:
    is_launched: the launcher has started us.
    ignored: those of SIGPIPE and SIGXFSZ that were ignored; CPython ignores both.
    limits: the soft limits that were raised for the interpreter, as pairs of the
        resource's number and the old limit; programs that we execute get them back.
    command: the file that was executed, as it was named; empty: not known.
"""

from _signal import SIGPIPE, SIGXFSZ

is_launched = False
ignored: tuple[int, ...] = ()
limits: list[tuple[int, int]] = []
command = b""


def note(facts: str, executed: bytes) -> None:
    """Note what the launcher has found.

    Args:
        facts: a letter for each signal that was ignored, then ``,NUMBER:SOFT`` for each limit;
            anything else is for the bootstrap.
        executed: the file that was executed.
    """
    global is_launched, ignored, command
    is_launched, command = True, executed
    letters, *numbers = facts.split(",")
    ignored = tuple(number for letter, number in (("p", SIGPIPE), ("x", SIGXFSZ)) if letter in letters)
    for pair in numbers:
        number, _, soft = pair.partition(":")
        if number.isdigit():
            limits.append((int(number), int(soft)))
