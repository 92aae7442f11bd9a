"""The interface of python-cdb 0.35, on Python 3.

    from ucspi.compat import cdb

    maker = cdb.cdbmake("people.cdb", "people.tmp")
    maker.add("one", "Hello")
    maker.finish()
    people = cdb.init("people.cdb")
    people["one"]

The original never ran on Python 3.  Its strings were bytes, so this returns
bytes, too.  A key or data given as text is encoded as UTF-8, as the original did
for ASCII.  To get text, use `ucspi.compat.cdblib.compat`, whose ``init`` has an
encoding.

Different on purpose:

- Only `get` changes what `getnext` returns.  In the original any look-up did.
- `cdbmake.finish` syncs the file to the disk before the rename.  A second call is
  an error, as is any other use after the first.
- A database can be iterated over and used with ``in``.
- Damage is always ``error(EPROTO, "Protocol error")``; for a file shorter than its
  header `init` raises it.  Its cause is our error, which has the offset.
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
    """Makes a cdb file: writes to ``fntmp``, which `finish` renames to ``fn``."""

    __slots__ = ("__weakref__", "_count", "_fn", "_fntmp", "_writer")

    def __init__(self, cdb: "Path", tmp: "Path") -> None:
        """Create the temporary file ``tmp``, on the file system of ``cdb``.

        Raises:
            OSError: it cannot be created.
        """
        self._writer: _cdb.Writer | None = None
        self._fn, self._fntmp, self._count = cdb, tmp, 0
        self._writer = _cdb.create(cdb, tmp=tmp, mode=0o666)

    @property
    def fd(self) -> int:
        """The descriptor of the temporary file; -1 after `finish`."""
        return -1 if self._writer is None else self._writer.fileno()

    @property
    def fn(self) -> "Any":
        """The path of the finished file, as given."""
        return self._fn

    @property
    def fntmp(self) -> "Any":
        """The path of the temporary file, as given."""
        return self._fntmp

    @property
    def numentries(self) -> int:
        """The number of records that were added."""
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
        """Append records, given as (key, data)."""
        self._open()
        for key, data in items:
            self.add(key, data)

    def finish(self) -> None:
        """Write the tables, sync the file to the disk and rename it; on a failure the old file stays.

        Raises:
            error: it was finished before.
            OSError: it cannot be finished; the temporary file is removed.
        """
        writer, self._writer = self._open(), None
        writer.publish()

    def __del__(self) -> None:
        """Remove the temporary file if it was not finished."""
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
