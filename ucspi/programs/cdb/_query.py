"""``cdb -q``: print the data of a key's records."""

import errno
import os
import stat

from ucspi.cdb import Reader, open
from ucspi.errors import CdbFormatError
from ucspi.programs._stdio import write
from ucspi.programs.cdb._messages import EXIT_ABSENT, protocol_error, system_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def query(path: bytes, key: bytes, *, nth: int, lines: bool) -> int:
    """Print the data of all records with a key, or only of the ``nth``; return the exit code.

    Args:
        path: a file name; so is ``-``.
        key: looked up as it is.
        nth: from 1; 0 means all.
        lines: print a newline after each.
    """
    code = EXIT_ABSENT
    try:
        for number, data in enumerate(_open(path).get_all(key), 1):
            if nth in (0, number):
                write(data + b"\n" if lines else data)
                code = 0
                if nth:
                    break
    except CdbFormatError:
        raise protocol_error(key) from None
    return code


def _open(path: bytes) -> Reader:
    """Map a database, which must be a regular file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            from ucspi.cdb.layout import CDB  # here, as nearly always it is a regular file

            # The original looks at the length first; then its mmap fails.
            _fail(errno.EPROTO if found.st_size < CDB.header_size else errno.ENODEV)
        try:
            return open(fd)
        except CdbFormatError:  # shorter than its header
            _fail(errno.EPROTO)
    except OSError as error:
        raise system_error(b"unable to open database `%b'" % path, error) from None


def _fail(number: int) -> "NoReturn":
    raise OSError(number, os.strerror(number))
