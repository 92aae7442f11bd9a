"""Writing to descriptors: lines on standard error, and all of some bytes on any other.

A line on descriptor 2 is one write, so lines of several processes do not mix.
If it cannot be written that is ignored, as in the originals: a server does not
die of its log.  Another process that shares the descriptor may have made it
non-blocking; then we wait for room, so that no line is lost.
"""

import posix as os

PATIENCE = 1.0  # seconds

_is_deaf = False  # whether nobody read when a line was last to be written by `say_soon`


def say(line: bytes) -> None:
    """Write a line, newline added, to descriptor 2; wait while a pipe is full."""
    emit(line + b"\n")


def say_soon(line: bytes) -> None:
    """Write a line as `say` does, in a process that must never stand still.

    It waits a second for room, and does without the line then; and without
    waiting for those that follow, until there is room again.
    """
    global _is_deaf
    _is_deaf = not has_room(0.0 if _is_deaf else PATIENCE)
    if not _is_deaf:
        say(line)


def emit(text: bytes, number: int = 2) -> None:
    """Write bytes to descriptor 2, or another, as they are, in one write where the system lets us."""
    try:
        while text:
            try:
                text = text[os.write(number, text) :]
            except BlockingIOError:
                has_room(None, number)
    except OSError:
        pass


def has_room(seconds: float | None = 0.0, number: int = 2) -> bool:
    """Wait, for so long or without end, until a descriptor takes a line; return whether it does."""
    import select

    poll = select.poll()
    poll.register(number, select.POLLOUT)
    return bool(poll.poll(None if seconds is None else 1000 * seconds))
