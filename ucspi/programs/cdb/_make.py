"""``cdb -c``: make a database from one or more inputs."""

import errno
import os

from ucspi.cdb import Builder, load
from ucspi.errors import CdbTextError, CdbTooLargeError
from ucspi.programs._awk import lines
from ucspi.programs._program import Stop
from ucspi.programs._stdio import InputError, blocks
from ucspi.programs.cdb._messages import EXIT_USAGE, open_input, short_file, system_error
from ucspi.unix.publish import Publication

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ucspi.programs.cdb._commandline import Settings
    from ucspi.programs.cdb._duplicates import Duplicates

OFFER_OF_CDB64 = b"cdb: no cdb can pass 4 GB; --64 makes a cdb64, which can"
OWNER_READS = 0o400
BLANKS = b" \t"


def make(settings: "Settings", database: bytes, inputs: list[bytes]) -> int:
    """Make a database and put it in place; return the exit code.

    Source: order and messages as observed from tinycdb 0.78.
    """
    temporary = database + b".tmp" if settings.temporary is None else settings.temporary
    if temporary == b"-":
        temporary = database  # ``-t -`` means in place
    publication = Publication(database, temporary)
    mode = settings.permissions
    if mode is None:
        mode = 0o666 & ~_umask()
    _step(b"unable to create " + temporary, lambda: _create(publication, mode))
    builder = Builder(publication.write, format=settings.form)
    publication.seek(builder.header_size)
    into = _into(settings, builder, publication)
    for path in inputs:
        _step(b"cdb_make_put", lambda path=path: _add(path, into, settings.plain))  # type: ignore[misc]
    _step(b"cdb_make_finish", lambda: _finish(publication, builder, into, mode))
    if temporary != database:
        _step(b"rename %b->%b" % (temporary, database), publication.rename)
    return 0


def _step(what: bytes, work: "Callable[[], None]") -> None:
    """Do one step; if a system call fails, ``what`` is in the message."""
    try:
        work()
    except OSError as error:
        raise system_error(what, error) from None
    except CdbTooLargeError:  # tinycdb reports it for a record, whenever it happens
        stop = system_error(b"cdb_make_put", OSError(errno.ENOMEM, ""))
        raise Stop(b"%b\n%b" % (stop.line, OFFER_OF_CDB64), stop.code) from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _create(publication: Publication, mode: int) -> None:
    """Create the temporary file, after removing whatever has its name, even a symbolic link.

    Whatever mode was asked for, we can read the file.
    """
    try:
        os.unlink(publication.temporary)
    except OSError:
        pass  # creating it will fail, and say why
    mask = os.umask(0)
    try:
        publication.create(mode | OWNER_READS, exclusive=True)
    finally:
        os.umask(mask)


def _into(settings: "Settings", builder: Builder, publication: Publication) -> "Builder | Duplicates":
    """Return what takes the records: the builder itself, unless duplicates need handling."""
    if not (settings.duplicates or settings.warn or settings.stop):
        return builder
    from ucspi.programs.cdb._duplicates import Duplicates

    return Duplicates(builder, publication, settings)


def _add(path: bytes, into: "Builder | Duplicates", plain: bool) -> None:
    """Add the records of one input."""
    fd = open_input(path, path)
    name = b"(stdin)" if path == b"-" else path
    try:
        if plain:
            _add_lines(blocks(fd), into)
        else:
            load(blocks(fd), into, empty_lengths=False)
    except CdbTextError as error:
        if error.is_cut:
            raise short_file() from None
        where = b"%b: %b" % (name, str(error).encode())
        raise Stop(b"cdb: %b: bad format\n%b" % (name, where), EXIT_USAGE) from None
    except InputError as trouble:
        raise system_error(name, trouble.error) from None
    finally:
        if fd:
            os.close(fd)


def _add_lines(source: "Iterable[bytes]", into: "Builder | Duplicates") -> None:
    """Add a record for each line of ``-m`` input: the key, blanks, and the rest as data."""
    for line in lines(source):
        line = line.lstrip(BLANKS)
        if line and not line.startswith(b"#"):
            key = line.replace(b"\t", b" ").partition(b" ")[0]
            into.add(key, line[len(key) :].lstrip(BLANKS))


def _finish(publication: Publication, builder: Builder, into: "Builder | Duplicates", mode: int) -> None:
    """Write the end of the database, and set its mode."""
    if into is builder:
        publication.write_at(0, builder.finish())
    else:
        into.finish()
    if not mode & OWNER_READS:
        os.chmod(publication.temporary, mode)
    publication.seal()
