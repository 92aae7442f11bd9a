"""The error messages of tinycdb's ``cdb``; errors of the system have the text of libc."""

import os

from ucspi.errors import CdbFormatError, CdbTruncatedError
from ucspi.programs._program import Stop
from ucspi.programs._stdio import InputError, OutputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

EXIT_DUPLICATE = 1
EXIT_USAGE = 2  # also for malformed text and short files
EXIT_ABSENT = 100
EXIT_SYSTEM = 111


def usage_error(reason: bytes) -> Stop:
    """Return the `Stop` for a wrong command line."""
    return Stop(b"cdb: %b\ncdb: try `cdb -h' for help" % reason, EXIT_USAGE)


def system_error(what: bytes, error: OSError) -> Stop:
    """Return the `Stop` for a failed system call."""
    text = os.fsencode(os.strerror(error.errno or 0))
    return Stop(b"cdb: %b: %b" % (what, text), EXIT_SYSTEM)


def protocol_error(what: bytes) -> Stop:
    """Return the `Stop` for a damaged database."""
    return Stop(b"cdb: %b: Protocol error" % what, EXIT_SYSTEM)


def short_file() -> Stop:
    """Return the `Stop` for a file that ends too early."""
    return Stop(b"cdb: unable to read: short file", EXIT_USAGE)


def open_input(path: bytes, what: bytes) -> int:
    """Return a descriptor of an input; ``-`` is standard input; ``what`` begins the error message."""
    if path == b"-":
        return 0
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise system_error(what, error) from None


def run_mode(work: "Callable[[], int | None]") -> int:
    """Call the work of a mode, and return its exit code, 0 for None.

    Raises:
        Stop: something failed; it has the original's line for that.
    """
    try:
        return work() or 0
    except CdbTruncatedError:
        raise short_file() from None
    except CdbFormatError as damage:
        what = b"invalid database format" if damage.offset else b"invalid cdb file format"
        raise protocol_error(what) from None
    except InputError as trouble:
        raise system_error(b"unable to read", trouble.error) from None
    except OutputError as trouble:
        raise system_error(b"unable to write", trouble.error) from None
    except MemoryError:
        raise Stop(b"cdb: out of memory", EXIT_SYSTEM) from None
