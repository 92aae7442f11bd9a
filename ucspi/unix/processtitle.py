"""What ``ps`` shows of us: the memory that holds our command line.

The kernel tells where it put the arguments, and ``/proc/self/mem`` lets us
write there without a C function to do it.  The interpreter's own arguments
come first, so only the last one can be found: it ends where all of them end.
"""

import posix as os

# Where arg_start and arg_end stand in /proc/self/stat, behind the name in parentheses.
_ARG_START, _ARG_END = 45, 46


class Title:
    """The last argument of our command line, to be overwritten."""

    __slots__ = ("_memory", "_position", "length")

    def __init__(self, argument: bytes) -> None:
        """Find the last argument in memory, which is at first this one.

        Raises:
            OSError: it cannot be found or written; without ``/proc``, for one.
        """
        self.length = len(argument)
        self._memory = os.open(b"/proc/self/mem", os.O_RDWR)
        start, end = _arguments()
        self._position = end - 1 - self.length  # a NUL ends it
        if (
            self._position < start
            or os.pread(self._memory, self.length + 1, self._position) != argument + b"\0"
        ):
            raise ProcessLookupError("our last argument is not where it should be")

    def show(self, text: bytes) -> None:
        """Overwrite the argument; the text has its length.

        Raises:
            OSError: it cannot be written any more.
        """
        os.pwrite(self._memory, text[: self.length], self._position)


def hide(count: int, name: bytes) -> None:
    """Show a name, and no longer the first arguments of our command line; as much is empty at its end.

    What cannot be done is not done: without ``/proc`` nobody can look either.
    """
    try:
        with open("/proc/self/comm", "wb", buffering=0) as comm:
            comm.write(name)
        start, end = _arguments()
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            memory.seek(start)
            shown = memory.read(end - start)
            rest = shown.split(b"\0", count)[-1]
            memory.seek(start)
            memory.write(rest.ljust(len(shown), b"\0"))
    except OSError:
        pass


def _arguments() -> tuple[int, int]:
    """Return where the arguments begin and end in our memory; zeros where the kernel does not say."""
    with open("/proc/self/stat", "rb", buffering=0) as file:
        fields = file.readall().rpartition(b")")[2].split()
    return int(fields[_ARG_START]), int(fields[_ARG_END])
