"""Lines on descriptor 2: whole, unbuffered, never an error.

A line is one write, so lines of several processes do not mix.  A closed or
broken stderr is ignored, as the originals do: a server does not die of its log.
"""

import os


def say(line: bytes) -> None:
    """Write a line, newline added, to descriptor 2; block while a pipe is full."""
    emit(line + b"\n")


def emit(text: bytes) -> None:
    """Write bytes to descriptor 2 as they are, in one write where the system lets us."""
    try:
        while text:
            text = text[os.write(2, text) :]
    except OSError:
        pass
