"""What cdbmake, cdbmake-12 and cdbmake-sv share: everything except the format of their input.

In cdb 0.75 the latter two are scripts in front of cdbmake, so all messages have
the name cdbmake.
"""

from ucspi.cdb import Builder
from ucspi.errors import CdbLengthError, CdbTextError, CdbTooLargeError
from ucspi.exits import EXIT_TEMPORARY, EXIT_USAGE
from ucspi.programs._program import Stop, fatal, unknown_option
from ucspi.programs._stdio import InputError
from ucspi.unix.publish import Publication

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = b"cdbmake"
USAGE = b"cdbmake: usage: cdbmake f ftmp"  # the original's words after a wrong command line
HELP = b"cdbmake: usage: cdbmake [--64] f ftmp"
OFFER_OF_CDB64 = b"cdbmake: no cdb can pass 4 GB; --64 makes a cdb64, which can"


def make(argv: list[bytes], fill: "Callable[[Builder], object]") -> int:
    """Make a cdb file of the records that ``fill`` adds, and publish it; return the exit code.

    ``--64`` is an option only as the first argument; elsewhere it is a file name.

    Source: order and messages as observed from cdbmake of cdb 0.75.
    """
    form = "cdb"
    if argv[1:2] == [b"--64"]:
        form = "cdb64"
        argv = argv[1:]
    if argv[1:2] and argv[1][:2] == b"--":
        raise unknown_option(PROGRAM, argv[1])
    if len(argv) < 3:
        raise Stop(USAGE, EXIT_USAGE)
    publication = Publication(target=argv[1], temporary=argv[2])
    what = b"unable to create " + publication.temporary
    try:
        publication.create()
        _write(publication, form, fill)
    except OSError as error:
        raise fatal(PROGRAM, what, error) from None
    except (CdbTooLargeError, MemoryError) as error:
        raise _no_room(what, error) from None
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


def _write(publication: Publication, form: str, fill: "Callable[[Builder], object]") -> None:
    """Write the cdb file under its temporary name.  As in the original, a failure leaves it there."""
    builder = Builder(publication.write, format=form)
    publication.seek(builder.header_size)  # the header stands in front of the records and is written last
    fill(builder)
    publication.write_at(0, builder.finish())
    publication.seal()


def _no_room(what: bytes, error: Exception) -> Stop:
    """Return the original's line for lack of room or memory, and a second one if ``--64`` would help."""
    stop = fatal(PROGRAM, what + b": out of memory")
    if isinstance(error, CdbTooLargeError) and not isinstance(error, CdbLengthError):
        return Stop(b"%b\n%b" % (stop.line, OFFER_OF_CDB64), stop.code)
    return stop


def bad_format(error: CdbTextError) -> Stop:
    """Return the line of Debian's cdbmake, and a second one that says where and why."""
    from ucspi.cdb import cdbmaketext  # loaded already: it raised the error

    words = {
        cdbmaketext.NO_PLUS: b"entry must start with +",
        cdbmaketext.BAD_KEY_LENGTH: b"bad keylen format",
        cdbmaketext.BAD_LENGTH: b"bad datalen format",
        cdbmaketext.NO_ARROW: b"key must be followed by ->",
        cdbmaketext.NO_NEWLINE: b"newline expected",
    }.get(error.reason, b"unexpected end if input")
    line = b"%s: fatal: unable to read input: entry %d: %s" % (PROGRAM, error.entry, words)
    return Stop(line + b"\nstdin: " + str(error).encode(), EXIT_TEMPORARY)
