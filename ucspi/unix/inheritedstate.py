"""What this process was given, where Python's start has changed it since.

The launcher (``cdbext/launcher/beforepython.h``) looks before it starts the interpreter, and
``ucspi/_start.py`` notes here what it tells.  Without a launcher nothing is told.

Attributes:
    is_launched: whether there was one.
    ignored: those of SIGPIPE and SIGXFSZ that were ignored; CPython ignores both.
    limits: the soft limits that were raised for the interpreter, each as its number
        and what it was; what we execute gets them back.
    command: the file that was executed, as it was named then; empty: not known.
"""

from _signal import SIGPIPE, SIGXFSZ

is_launched = False
ignored: tuple[int, ...] = ()
limits: list[tuple[int, int]] = []
command = b""


def note(facts: str, executed: bytes) -> None:
    """Take what the launcher tells.

    Args:
        facts: a letter for each signal that was ignored; then ``,NUMBER:SOFT`` for each limit;
            what else there is was for the bootstrap.
        executed: the file.
    """
    global is_launched, ignored, command
    is_launched, command = True, executed
    letters, *numbers = facts.split(",")
    ignored = tuple(number for letter, number in (("p", SIGPIPE), ("x", SIGXFSZ)) if letter in letters)
    for pair in numbers:
        number, _, soft = pair.partition(":")
        if number.isdigit():
            limits.append((int(number), int(soft)))
