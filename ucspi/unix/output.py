"""Writing to descriptors: lines on standard error, and all of some bytes on any other.

A line on descriptor 2 is one write, so lines of several processes do not mix.
If it cannot be written that is ignored, as in the originals: a server does not
die of its log.  Another process that shares the descriptor may have made it
non-blocking; then we wait for room, so that no line is lost.
"""

import posix as os

PATIENCE = 1.0  # seconds

_is_deaf = False  # the last line of `say_soon` was dropped, for nobody read


def say(line: bytes) -> None:
    """Write a line, newline added, to descriptor 2; wait while a pipe is full."""
    emit(line + b"\n")


def say_soon(line: bytes) -> None:
    """Write a line as `say` does, in a process that must never stand still.

    It waits at most one second for room, and then drops the line.  Lines that
    follow are dropped without waiting, until there is room again.
    """
    global _is_deaf
    _is_deaf = not has_room(0.0 if _is_deaf else PATIENCE)
    if not _is_deaf:
        say(line)


def emit(text: bytes, number: int = 2) -> None:
    """Write bytes to descriptor 2, or another, as they are; what cannot be written is dropped."""
    try:
        write_all(number, text)
    except OSError:
        pass


def printable(text: bytes) -> bytes:
    """Return a text with ``?`` for each byte that is not printable ASCII, so that it ends no line."""
    return bytes(byte if 32 <= byte < 127 else 63 for byte in text)


def write_all(number: int, data: "bytes | bytearray | memoryview", *, waits: bool = True) -> None:
    """Write all of some bytes, in one write if the system takes them.

    Args:
        number: the descriptor.
        data: what is written.
        waits: wait for room where the descriptor is non-blocking; otherwise that is an error.

    Raises:
        OSError: it cannot be written; a part of it may have been.
    """
    done = 0
    with memoryview(data) as rest:
        while done < len(rest):
            try:
                done += os.write(number, rest[done:])
            except BlockingIOError:
                if not waits:
                    raise
                has_room(None, number)


def write_some(number: int, data: bytes) -> int:
    """Write as much as there is room for, wait while there is none, and return how much it was.

    Raises:
        OSError: it cannot be written.
    """
    while True:
        try:
            return os.write(number, data)
        except BlockingIOError:
            has_room(None, number)


def has_room(seconds: float | None = 0.0, number: int = 2) -> bool:
    """Wait until a descriptor takes a line, at most so long, None without end; return whether it does."""
    import select

    poll = select.poll()
    poll.register(number, select.POLLOUT)
    return bool(poll.poll(None if seconds is None else 1000 * seconds))
