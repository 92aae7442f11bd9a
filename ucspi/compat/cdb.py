"""The interface of python-cdb 0.35, on Python 3.

    from ucspi.compat import cdb

    maker = cdb.cdbmake("people.cdb", "people.tmp")
    maker.add("one", "Hello")
    maker.finish()
    people = cdb.init("people.cdb")
    people["one"]

The original never ran on Python 3.  There its strings were bytes, so what comes
out is bytes here too; a key or data given as text is encoded as UTF-8, which
for ASCII is what the original did.  For text out, see
`ucspi.compat.cdblib.compat`, whose ``init`` has an encoding.

Different on purpose:

- Only `get` moves what `getnext` continues.  In the original any look-up did.
- `cdbmake.finish` forces the file to disk before it renames it, and ends in an
  error when called again, as every use after it does.
- A database can be iterated over and asked with ``in``.
- Damage is always ``error(EPROTO, "Protocol error")``, for a file shorter than
  its header already in `init`; the original's chain of causes ends there, ours
  goes on to the damage and its offset.
- Anything bytes-like may be a key or data, and `cdbmake.addmany` takes any
  iterable of pairs.
"""

import errno

from ucspi import cdb as _cdb
from ucspi.compat._pythoncdb import cdb as cdb
from ucspi.compat._pythoncdb import error as error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from typing_extensions import Buffer

    from ucspi.compat._pythoncdb import Path, Text

__version__ = "0.35"  # of the interface
hash = _cdb.hash


class cdbmake:  # noqa: N801 - the original's name
    """A cdb file being made: written at ``fntmp``, renamed to ``fn`` by `finish`."""

    __slots__ = ("__weakref__", "_count", "_fn", "_fntmp", "_writer")

    def __init__(self, cdb: "Path", tmp: "Path") -> None:
        """Create the temporary ``tmp``, on the file system where ``cdb`` shall be.

        Raises:
            OSError: it cannot be created.
        """
        self._writer: _cdb.Writer | None = None
        self._fn, self._fntmp, self._count = cdb, tmp, 0
        self._writer = _cdb.create(cdb, tmp=tmp, mode=0o666)

    @property
    def fd(self) -> int:
        """The descriptor of the temporary, -1 after `finish`."""
        return -1 if self._writer is None else self._writer.fileno()

    @property
    def fn(self) -> "Any":
        """The path of the file to be made, as given."""
        return self._fn

    @property
    def fntmp(self) -> "Any":
        """The path of the temporary, as given."""
        return self._fntmp

    @property
    def numentries(self) -> int:
        """How many records were added."""
        return self._count

    def add(self, key: "Text", data: "Text") -> None:
        """Append a record.

        Raises:
            error: the file was finished.
            OSError: writing failed.
            CdbTooLargeError: the file would pass 4 GB.
        """
        self._open().add(self._encoded(key), self._encoded(data))
        self._count += 1

    def addmany(self, items: "Iterable[tuple[Text, Text]]") -> None:
        """Append many records, given as (key, data)."""
        self._open()
        for key, data in items:
            self.add(key, data)

    def finish(self) -> None:
        """Write the tables, force the file to disk and rename it; if that fails the old file stays.

        Raises:
            error: it was finished before.
            OSError: it cannot be finished; the temporary is gone.
        """
        writer, self._writer = self._open(), None
        writer.publish()

    def __del__(self) -> None:
        """Remove the temporary of a file that was not finished."""
        if self._writer is not None:
            self._writer.discard()

    def _open(self) -> "_cdb.Writer":
        if self._writer is None:
            raise error(errno.EINVAL, "cdbmake object already finished")
        return self._writer

    def _encoded(self, text: "Text") -> "Buffer":
        return text.encode() if isinstance(text, str) else text


def init(f: "Path | int") -> cdb:
    """Open a cdb file, given as a path or a descriptor.

    Raises:
        error: it cannot be opened, or is shorter than a header.
    """
    try:
        return cdb(f)
    except error:
        raise
    except OSError as failure:
        raise error(failure.errno, failure.strerror) from failure
