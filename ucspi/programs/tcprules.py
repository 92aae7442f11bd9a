"""``tcprules CDB TMP``: compile the rules on standard input and publish them as CDB."""

import errno
import os
import stat

from ucspi.cdb import Builder
from ucspi.errors import EXIT_PERMANENT, EXIT_USAGE, CdbTooLargeError, RuleSyntaxError
from ucspi.programs._program import Stop, fatal, run
from ucspi.rules import compile_rules
from ucspi.unix.publish import Publication

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = b"tcprules"
USAGE = b"tcprules: usage: tcprules rules.cdb rules.tmp"
READ_SIZE = 65536
RECORDS_BEGIN = 2048  # the header goes in front of them, last


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_tcprules, argv, USAGE)


def _tcprules(argv: list[bytes]) -> int:
    if len(argv) < 3:
        raise Stop(USAGE, EXIT_USAGE)
    publication = Publication(target=argv[1], temporary=argv[2])
    try:
        publication.create()
    except OSError as error:
        raise fatal(PROGRAM, b"unable to create " + publication.temporary, error) from None
    try:
        _write(publication)
    except OSError as error:
        raise fatal(PROGRAM, b"unable to write to " + publication.temporary, error) from None
    except RuleSyntaxError as error:
        raise _complaint(error) from None
    except MemoryError:
        raise fatal(PROGRAM, b"out of memory") from None
    try:
        publication.rename()
    except OSError as error:
        what = b"unable to move %s to %s" % (publication.temporary, publication.target)
        raise fatal(PROGRAM, what, error) from None
    return 0


def _write(publication: Publication) -> None:
    """Make the temporary a finished cdb file.  A failure leaves it as it is, like the original."""
    publication.seek(RECORDS_BEGIN)
    builder = Builder(publication.write)
    try:
        compile_rules(_standard_input(), builder.add, add_block=builder.add_block)
        header = builder.finish()
    except CdbTooLargeError:
        # The original's word for a file that would pass 4 GB.
        raise OSError(errno.ENOMEM, "a cdb file cannot pass 4 GB") from None
    publication.write_at(0, header)
    publication.seal()


def _standard_input() -> "Iterator[bytes]":
    """Yield standard input as it comes.

    Not through ``sys.stdin``: it takes a non-blocking descriptor that has
    nothing to offer yet for the end of the file, which would publish half the
    rules.
    """
    while True:
        try:
            block = os.read(0, READ_SIZE)
        except OSError as error:
            raise fatal(PROGRAM, b"unable to read input", error) from None
        if not block:
            return
        yield block


def _complaint(error: RuleSyntaxError) -> Stop:
    """Return the original's line, which ends at a NUL, and a second one that says where and why."""
    original = b"%s: fatal: unable to parse this line: %s" % (PROGRAM, error.text.partition(b"\0")[0])
    place = b"%s:%d:%d: %s" % (_input_name(), error.line, error.column, error.reason.encode())
    return Stop(original + b"\n" + place, EXIT_PERMANENT)


def _input_name() -> bytes:
    """Return the base name of the file that standard input is, or ``stdin``."""
    try:
        status = os.fstat(0)
        # A here-document is a file too, but one without a name.
        if stat.S_ISREG(status.st_mode) and status.st_nlink:
            return os.readlink(b"/proc/self/fd/0").rpartition(b"/")[2]
    except OSError:
        pass
    return b"stdin"
