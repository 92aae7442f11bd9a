"""What cdbmake, cdbmake-12 and cdbmake-sv share: everything but the language of their input.

The other two were scripts in front of cdbmake, so its name is in all messages.
"""

from ucspi.cdb import Builder
from ucspi.errors import EXIT_TEMPORARY, EXIT_USAGE, CdbTextError, CdbTooLargeError
from ucspi.programs._program import Stop, fatal
from ucspi.programs._standard import InputError
from ucspi.unix.publish import Publication

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = b"cdbmake"
USAGE = b"cdbmake: usage: cdbmake f ftmp"
RECORDS_BEGIN = 2048  # the header goes in front of them, last


def make(argv: list[bytes], fill: "Callable[[Builder], object]") -> int:
    """Make a cdb file out of what ``fill`` adds, and publish it; return the exit code.

    Source: order and messages as observed from cdbmake of cdb 0.75.
    """
    if len(argv) < 3:
        raise Stop(USAGE, EXIT_USAGE)
    publication = Publication(target=argv[1], temporary=argv[2])
    what = b"unable to create " + publication.temporary
    try:
        publication.create()
        _write(publication, fill)
    except OSError as error:
        raise fatal(PROGRAM, what, error) from None
    except (CdbTooLargeError, MemoryError):  # the original's word for either
        raise fatal(PROGRAM, what + b": out of memory") from None
    except InputError as trouble:
        raise fatal(PROGRAM, b"unable to read input", trouble.error) from None
    except CdbTextError as error:
        raise bad_format(error) from None
    try:
        publication.rename()
    except OSError as error:
        what = b"unable to rename %s to %s" % (publication.temporary, publication.target)
        raise fatal(PROGRAM, what, error) from None
    return 0


def _write(publication: Publication, fill: "Callable[[Builder], object]") -> None:
    """Make the temporary a finished cdb file.  A failure leaves it as it is, like the original."""
    publication.seek(RECORDS_BEGIN)
    builder = Builder(publication.write)
    fill(builder)
    publication.write_at(0, builder.finish())
    publication.seal()


def bad_format(error: CdbTextError) -> Stop:
    """Return the original's line, and a second one that says where and why."""
    line = b"%s: fatal: unable to read input: bad format\nstdin: %s" % (PROGRAM, str(error).encode())
    return Stop(line, EXIT_TEMPORARY)
