"""What every program shares: arguments as bytes, one line and an exit code at the end."""

import _signal
import posix as os
import sys

from ucspi import __version__
from ucspi.exits import EXIT_TEMPORARY
from ucspi.unix import inheritedstate
from ucspi.unix.errtext import explain
from ucspi.unix.output import say, write_all
from ucspi.unix.signals import undo_interpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Stop(Exception):  # noqa: N818 - an order to stop, not only an error
    """End the program with a line on stderr (none when empty) and an exit code."""

    def __init__(self, line: bytes, code: int) -> None:
        """Take the line without its newline."""
        super().__init__(line, code)
        self.line, self.code = line, code


def fatal(program: bytes, what: bytes, error: OSError | None = None, code: int = EXIT_TEMPORARY) -> Stop:
    """Return the `Stop` for ``PROGRAM: fatal: WHAT: ERRTEXT``, to be raised."""
    tail = b"" if error is None else b": " + explain(error)
    return Stop(b"%s: fatal: %s%s" % (program, what, tail), code)


def run(body: "Callable[[list[bytes]], int]", argv: list[bytes] | None, usage: bytes = b"") -> int:
    """Call a program's body with the command line as bytes; return its exit code.

    ``--help`` alone prints the usage line on standard output, ``--version``
    alone the version; no original has an operand that looks like these, but
    for those that take any bytes: they give no usage line and see both.
    """
    if argv is None:
        undo_interpreter()  # Ctrl-C ends the process as it ends a C program
        argv = [argument.encode(sys.getfilesystemencoding(), "surrogateescape") for argument in sys.argv]
    if usage and len(argv) == 2 and argv[1] in (b"--help", b"--version"):
        return _tell(usage if argv[1] == b"--help" else b"ucspi " + __version__.encode())
    try:
        return body(argv)
    except Stop as stop:
        if stop.line:
            say(stop.line)
        return stop.code
    except ImportError as error:  # what is loaded only when it is needed
        say(b"%s: fatal: %s" % (argv[0].rpartition(b"/")[2], str(error).encode("utf-8", "surrogateescape")))
        return EXIT_TEMPORARY
    except MemoryError:
        say(argv[0].rpartition(b"/")[2] + b": fatal: out of memory")
        return EXIT_TEMPORARY


def _tell(line: bytes) -> int:
    try:
        print_all(line + b"\n")
    except OSError:
        return EXIT_TEMPORARY
    return 0


def print_all(text: "bytes | memoryview") -> None:
    """Write to standard output, all of it, and die of a pipe that nobody reads.

    Raises:
        OSError: it cannot be written.
    """
    try:
        write_all(1, text)
    except BrokenPipeError:
        die_of_pipe()
        raise


def print_or_stop(program: bytes, text: bytes) -> None:
    """Write all of a text to standard output.

    Raises:
        Stop: it cannot be written.
    """
    try:
        print_all(text)
    except OSError as error:
        raise fatal(program, b"unable to write output", error) from None


def die_of_pipe() -> None:
    """End the process by SIGPIPE, as a write to a pipe that nobody reads ends a C program.

    CPython ignores that signal from its start, whatever the parent wanted, and
    reports `BrokenPipeError` instead.  Returns if the signal is blocked, or was ignored before CPython did.
    """
    if _signal.SIGPIPE in inheritedstate.ignored:
        return
    _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)
    os.kill(os.getpid(), _signal.SIGPIPE)
