"""What the programs that read a whole database share."""

from ucspi.cdb import Reader, open
from ucspi.errors import CdbFormatError, CdbTruncatedError
from ucspi.programs._program import fatal
from ucspi.programs._stdio import InputError, OutputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def run_reader(program: bytes, work: "Callable[[], int | None]") -> int:
    """Call ``work``, and return its exit code, 0 for None.

    Raises:
        Stop: something failed; it has the original's line for that.
    """
    unreadable = b"unable to read input"
    try:
        return work() or 0
    except CdbTruncatedError:
        raise fatal(program, unreadable + b": truncated file") from None
    except CdbFormatError:
        raise fatal(program, unreadable + b": protocol error") from None
    except InputError as trouble:
        raise fatal(program, unreadable, trouble.error) from None
    except OutputError as trouble:
        raise fatal(program, b"unable to write output", trouble.error) from None
    except MemoryError:
        raise fatal(program, b"out of memory") from None


def open_database(fd: int = 0) -> Reader:
    """Open the database on a descriptor: a regular file from its start; anything else is read into memory.

    Raises:
        InputError: it cannot be read.
        CdbTruncatedError: it is shorter than a header.
    """
    try:
        return open(fd)
    except OSError as error:
        raise InputError(error) from None
    except CdbFormatError as damage:
        raise CdbTruncatedError(damage.reason, offset=damage.offset) from None
