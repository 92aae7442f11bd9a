"""The reader with python-cdb's interface, for `ucspi.compat.cdb` and `ucspi.compat.cdblib.compat`."""

import errno
import os
from itertools import islice
from operator import index

from ucspi import cdb as _cdb
from ucspi.errors import CdbFormatError, Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from typing_extensions import Buffer

    Text = str | Buffer
    Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]


class error(Error, OSError):  # noqa: N801, N818 - the original's name
    """The one exception of the original: ``error(errno, message)``."""


class cdb:  # noqa: N801 - the original's name
    """A cdb file open for reading; `init` returns one.

    It returns bytes, unless a subclass overrides ``_decoded``.
    """

    __slots__ = ("__weakref__", "_each", "_fd", "_keys", "_name", "_owned", "_reader", "_rest")

    def __init__(self, f: "Path | int") -> None:
        """Open a path, or read from a descriptor, which is not closed.

        Raises:
            OSError: it cannot be opened.
            error: it is shorter than a header.
        """
        self._owned = not isinstance(f, int)
        self._fd = f if isinstance(f, int) else os.open(f, os.O_RDONLY | os.O_CLOEXEC)
        self._name: object = None if isinstance(f, int) else f
        try:
            self._reader = _cdb.open(self._fd)
        except CdbFormatError as damage:
            raise _protocol_error() from damage
        self._rest: Iterator[bytes] | None = None  # the records for getnext
        self._keys: Iterator[bytes] | None = None  # the keys for nextkey
        self._each: Iterator[tuple[bytes, bytes]] | None = None

    @property
    def fd(self) -> int:
        """The descriptor of the file."""
        return self._fd

    @property
    def name(self) -> "Any":
        """The path that was given, None for a descriptor."""
        return self._name

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        return len(self._reader.view)

    def get(self, k: "Text", i: int = 0) -> "Any":
        """Return the data of the record with key ``k`` after ``i`` others; None if there is none.

        `getnext` then returns the data of the next one.
        """
        skipped = index(i)
        key = self._encoded(k)
        self._rest = islice(self._reader.get_all(key), skipped, None) if skipped >= 0 else iter(())
        return self._next_data()

    def getnext(self) -> "Any":
        """Return the data after those of the last `get` or `getnext`; None once, at the end.

        Raises:
            TypeError: `get` was not called, or the end was returned before.
        """
        if self._rest is None:
            raise TypeError("getnext() called without first calling get()")
        return self._next_data()

    def getall(self, k: "Text") -> "list[Any]":
        """Return the data of all records with key ``k``, in the order added."""
        key = self._encoded(k)
        try:
            return [self._decoded(data) for data in self._reader.get_all(key)]
        except CdbFormatError as damage:
            raise _protocol_error() from damage

    def __getitem__(self, k: "Text") -> "Any":
        """Return the data of the first record with key ``k``, or raise `KeyError`."""
        key = self._encoded(k)
        try:
            return self._decoded(self._reader[key])
        except KeyError:
            raise KeyError(k) from None
        except CdbFormatError as damage:
            raise _protocol_error() from damage

    def has_key(self, k: "Text") -> bool:
        """Return whether there is a record with key ``k``."""
        return k in self

    def __contains__(self, k: "Text") -> bool:
        """Return whether there is a record with key ``k``."""
        key = self._encoded(k)
        try:
            return key in self._reader
        except CdbFormatError as damage:
            raise _protocol_error() from damage

    def __len__(self) -> int:
        """Count all records, by reading through the file."""
        try:
            return self._reader.record_count()
        except CdbFormatError as damage:
            raise _protocol_error() from damage

    def __bool__(self) -> bool:
        """Return whether there are records."""
        try:
            return bool(self._reader)
        except CdbFormatError as damage:
            raise _protocol_error() from damage

    def keys(self) -> "list[Any]":
        """Return the distinct keys, in the order first added."""
        return list(self)

    def __iter__(self) -> "Iterator[Any]":
        """Yield the distinct keys, in the order first added."""
        try:
            for key in self._reader:
                yield self._decoded(key)
        except CdbFormatError as damage:
            raise _protocol_error() from damage

    def firstkey(self) -> "Any":
        """Return the first key, None if there is none; `nextkey` continues from it."""
        self._keys = iter(self)
        return next(self._keys, None)

    def nextkey(self) -> "Any":
        """Return the next distinct key, in the first call the first; None from the end until `firstkey`."""
        return self.firstkey() if self._keys is None else next(self._keys, None)

    def each(self) -> "tuple[Any, Any] | None":
        """Return the next record as (key, data); None at the end, then the first again."""
        if self._each is None:
            self._each = self._reader.records()
        try:
            record = next(self._each, None)
        except CdbFormatError as damage:
            raise _protocol_error() from damage
        if record is None:
            self._each = None
            return None
        return self._decoded(record[0]), self._decoded(record[1])

    def __del__(self) -> None:
        """Close the file, unless it was given as a descriptor."""
        if getattr(self, "_owned", False) and hasattr(self, "_fd"):
            os.close(self._fd)

    def _next_data(self) -> "Any":
        assert self._rest is not None
        try:
            data = next(self._rest, None)
        except CdbFormatError as damage:
            raise _protocol_error() from damage
        if data is None:
            self._rest = None
            return None
        return self._decoded(data)

    def _encoded(self, key: "Text") -> "Buffer":
        return key.encode() if isinstance(key, str) else key

    def _decoded(self, data: bytes) -> "Any":
        return data


def _protocol_error() -> error:
    return error(errno.EPROTO, os.strerror(errno.EPROTO))
