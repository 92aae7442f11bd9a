"""What every program shares: it gets its arguments as bytes, and ends with one line and an exit code."""

import _signal
import posix as os
import sys

from ucspi import __version__
from ucspi.exits import EXIT_TEMPORARY, EXIT_USAGE
from ucspi.unix import inheritedstate
from ucspi.unix.errtext import explain
from ucspi.unix.output import say, write_all
from ucspi.unix.signals import undo_interpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Stop(Exception):  # noqa: N818 - an order to stop, not only an error
    """Ends the program with a line on stderr, if it is not empty, and an exit code."""

    def __init__(self, line: bytes, code: int) -> None:
        super().__init__(line, code)
        self.line, self.code = line, code


def fatal(program: bytes, what: bytes, error: OSError | None = None, code: int = EXIT_TEMPORARY) -> Stop:
    """Return the `Stop` for ``PROGRAM: fatal: WHAT: ERRTEXT``, to be raised."""
    tail = b"" if error is None else b": " + explain(error)
    return Stop(b"%s: fatal: %s%s" % (program, what, tail), code)


def unknown_option(program: bytes, word: bytes) -> Stop:
    """Return the `Stop` for a mistyped long option, which the original would take for a file name.

    That could destroy a file: ``tcprules --chek rules`` would write into the rules.
    """
    what = b"unknown option %s; a file of that name is ./%s" % (word, word)
    return fatal(program, what, code=EXIT_USAGE)


def run(body: "Callable[[list[bytes]], int]", argv: list[bytes] | None, usage: bytes = b"") -> int:
    """Call a program's body with the command line as bytes; return its exit code.

    If ``--help`` is the only argument, the usage line is printed on standard
    output; if ``--version`` is, the version.  A program whose operands may be any
    bytes gives no usage line, and sees both arguments itself.
    """
    if argv is None:
        undo_interpreter()  # so Ctrl-C ends the process as it ends a C program
        argv = [argument.encode(sys.getfilesystemencoding(), "surrogateescape") for argument in sys.argv]
    if usage and len(argv) == 2 and argv[1] in (b"--help", b"--version"):
        return _print_line(usage if argv[1] == b"--help" else b"ucspi " + __version__.encode())
    try:
        return body(argv)
    except Stop as stop:
        if stop.line:
            say(stop.line)
        return stop.code
    except ImportError as error:  # of a module that is loaded only when it is needed
        say(b"%s: fatal: %s" % (argv[0].rpartition(b"/")[2], str(error).encode("utf-8", "surrogateescape")))
        return EXIT_TEMPORARY
    except MemoryError:
        say(argv[0].rpartition(b"/")[2] + b": fatal: out of memory")
        return EXIT_TEMPORARY


def _print_line(line: bytes) -> int:
    try:
        print_all(line + b"\n")
    except OSError:
        return EXIT_TEMPORARY
    return 0


def print_all(text: "bytes | memoryview") -> None:
    """Write all of it to standard output; a pipe that nobody reads ends the process.

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

    CPython ignores this signal and raises `BrokenPipeError` instead.  The function
    returns if the signal is blocked, or if the parent had it ignored.
    """
    if _signal.SIGPIPE in inheritedstate.ignored:
        return
    _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)
    os.kill(os.getpid(), _signal.SIGPIPE)
