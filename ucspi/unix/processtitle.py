"""The short name of our process, and the memory that holds our command line: what ``ps`` shows.

The kernel says where the arguments are, and ``/proc/self/mem`` lets us write
there without a C function.  The interpreter's own arguments come first, so only
the last argument can be found for certain: it ends where all of them end.
"""

import posix as os

# Where arg_start and arg_end stand in /proc/self/stat, behind the name in parentheses.
_ARG_START, _ARG_END = 45, 46


class Title:
    """The last argument of our command line, which can be overwritten."""

    __slots__ = ("_memory", "_position", "length")

    def __init__(self, argument: bytes) -> None:
        """Find the last argument in memory.  ``argument`` is what it holds now.

        Raises:
            OSError: it cannot be found or written, for example without ``/proc``.
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
        """Overwrite the argument with a text of the same length.

        Raises:
            OSError: it cannot be written any more.
        """
        os.pwrite(self._memory, text[: self.length], self._position)


def set_name(name: bytes) -> None:
    """Change the short name, of which the kernel keeps 15 bytes; without ``/proc`` it stays as it is."""
    try:
        with open("/proc/self/comm", "wb", buffering=0) as comm:
            comm.write(name)
    except OSError:
        pass


def hide(count: int, name: bytes) -> None:
    """Show a name as that of the process, and drop the first arguments of the shown command line.

    The end of the command line becomes empty instead.  Errors are ignored: without
    ``/proc`` nobody can look either.
    """
    set_name(name)
    try:
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
    """Return where the arguments begin and end in our memory; zeros if the kernel does not say."""
    with open("/proc/self/stat", "rb", buffering=0) as file:
        fields = file.readall().rpartition(b")")[2].split()
    return int(fields[_ARG_START]), int(fields[_ARG_END])
