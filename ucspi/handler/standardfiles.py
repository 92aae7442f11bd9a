"""The standard files of the interpreter, made for descriptors that are replaced later."""

import io
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO


def remake() -> None:
    """Make ``sys.stdin`` and ``sys.stdout`` anew, as Python makes them where 0 and 1 are a socket.

    A file asks when it is made, and only then, whether it could be searched.  The
    descriptors are those from before afterwards.
    """
    import _socket

    ours, other = _socket.socketpair()
    try:
        for number, name in ((0, "stdin"), (1, "stdout")):
            usual = getattr(sys, name)
            if usual is not None:
                aside = os.dup(number)
                os.dup2(ours.fileno(), number)
                made = _open(number, f"<{name}>", usual)
                os.dup2(aside, number)
                os.close(aside)
                setattr(sys, name, made)
                setattr(sys, f"__{name}__", made)
    finally:
        ours.close()
        other.close()


def _open(number: int, name: str, usual: "TextIO") -> "TextIO":
    mode = "w" if number else "r"
    binary = open(number, mode + "b", closefd=False)
    assert isinstance(binary, io.BufferedReader | io.BufferedWriter)
    binary.raw.name = name
    made = io.TextIOWrapper(binary, usual.encoding, usual.errors, "\n")
    made.mode = mode  # type: ignore[misc]
    return made
