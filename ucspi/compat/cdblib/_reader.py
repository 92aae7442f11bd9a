"""The reader with pure-cdb's interface."""

from mmap import mmap

from ucspi import cdb
from ucspi.compat._errors import DamagedFileError
from ucspi.compat.cdblib._keys import Keys
from ucspi.errors import CdbFormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, BinaryIO, Self, TypeVar

    from typing_extensions import Buffer

    Item = TypeVar("Item")
    Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]


class CallersMap:
    """Reads a map that the caller may close at any time: each look-up opens it again."""

    def __init__(self, data: mmap) -> None:
        """Check that it is a cdb; raises as `ucspi.cdb.Reader` does."""
        self._map = data
        cdb.Reader(data).close()

    def get(self, key: bytes, default: "Any") -> "Any":
        """Return the first value of a key, or ``default``."""
        with cdb.Reader(self._map) as reader:
            return reader.get(key, default)

    def get_all(self, key: bytes) -> "Iterator[bytes]":
        """Yield all values of a key."""
        with cdb.Reader(self._map) as reader:
            yield from reader.get_all(key)

    def records(self) -> "Iterator[tuple[bytes, bytes]]":
        """Yield every record."""
        with cdb.Reader(self._map) as reader:
            yield from reader.records()

    def close(self) -> None:
        """Do nothing: the map is the caller's."""


class Reader(Keys):
    """Reads a cdb from bytes or a file; like a mapping, except that each duplicate key is a key."""

    def __init__(
        self,
        data: "Buffer | None" = None,
        file_path: "Path | None" = None,
        file_obj: "BinaryIO | None" = None,
        **options: "Any",
    ) -> None:
        """Read the first source that is given.

        Args:
            data: the bytes of a whole file.  As in the original, a map may be
                closed while the reader lives.  So each look-up opens it again;
                ``file_path`` is faster.
            file_path: a file to map.
            file_obj: an open file to map; `close` closes it.
            options: see `Keys`.

        Raises:
            TypeError: there is no source.
            OSError: the file cannot be opened, or is shorter than a header.
        """
        self.file_obj: BinaryIO | None = None
        super().__init__(**options)
        self._owned = data is None
        self._reader: cdb.Reader | CallersMap
        try:
            if data is not None:
                self._reader = CallersMap(data) if isinstance(data, mmap) else cdb.Reader(data)
            elif file_path is not None:
                self._reader = cdb.open(file_path)
            elif file_obj is not None:
                self.file_obj = file_obj
                self._reader = cdb.open(file_obj)
            else:
                raise TypeError("No source data given")
        except CdbFormatError as damage:
            raise DamagedFileError(damage.reason, offset=damage.offset) from damage

    @classmethod
    def from_bytes(cls, data: "Buffer", **options: "Any") -> "Self":
        """Read the bytes of a whole file."""
        return cls(data=data, **options)

    @classmethod
    def from_file_path(cls, file_path: "Path", **options: "Any") -> "Self":
        """Map the file at a path."""
        return cls(file_path=file_path, **options)

    @classmethod
    def from_file_obj(cls, file_obj: "BinaryIO", **options: "Any") -> "Self":
        """Map an open file, and close it in `close`."""
        return cls(file_obj=file_obj, **options)

    def close(self) -> None:
        """Close the file; a reader of bytes still works.  A second call does nothing."""
        if self._owned:
            self._reader.close()
        if self.file_obj is not None:
            self.file_obj.close()

    def __enter__(self) -> "Self":
        """Return the reader itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    def __del__(self) -> None:
        """Close the file that was given."""
        if self.file_obj is not None:
            self.file_obj.close()

    def get(self, key: object, default: "Any" = None) -> "Any":
        """Return the first value of a key, or ``default``."""
        encoded = self._encoded(key)
        try:
            return self._reader.get(encoded, default)
        except CdbFormatError as damage:
            raise DamagedFileError(damage.reason, offset=damage.offset) from damage

    def __getitem__(self, key: object) -> bytes:
        """Return the first value of a key, or raise `KeyError`."""
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return bytes(value)

    def has_key(self, key: object) -> bool:
        """Return whether there is a record with a key."""
        return self.get(key) is not None

    __contains__ = has_key

    def gets(self, key: object) -> "Iterator[bytes]":
        """Yield all values of a key, in the order added."""
        encoded = self._encoded(key)
        yield from _damage_as_os_error(lambda: self._reader.get_all(encoded))

    def getint(self, key: object, default: "Any" = None, base: int = 0) -> "Any":
        """Return the first value of a key as a number, or ``default``."""
        value = self.get(key)
        return default if value is None else int(value, base)

    def getints(self, key: object, base: int = 0) -> "Iterator[int]":
        """Yield all values of a key as numbers."""
        return (int(value, base) for value in self.gets(key))

    def getstring(self, key: object, default: "Any" = None, encoding: str = "utf-8") -> "Any":
        """Return the first value of a key as text, or ``default``."""
        value = self.get(key)
        return default if value is None else value.decode(encoding)

    def getstrings(self, key: object, encoding: str = "utf-8") -> "Iterator[str]":
        """Yield all values of a key as text."""
        return (value.decode(encoding) for value in self.gets(key))

    def __len__(self) -> int:
        """Count all records, by reading through the file."""
        return sum(1 for _ in self.iteritems())

    def __bool__(self) -> bool:
        """Return whether there are records."""
        return any(True for _ in self.iteritems())

    def iteritems(self) -> "Iterator[tuple[bytes, bytes]]":
        """Yield every record as (key, value), in the order added."""
        return _damage_as_os_error(self._reader.records)

    def iterkeys(self) -> "Iterator[bytes]":
        """Yield the key of every record."""
        return (key for key, _ in self.iteritems())

    __iter__ = iterkeys

    def itervalues(self) -> "Iterator[bytes]":
        """Yield the value of every record."""
        return (value for _, value in self.iteritems())

    def items(self) -> list[tuple[bytes, bytes]]:
        """Return every record as (key, value), in the order added."""
        return list(self.iteritems())

    def keys(self) -> list[bytes]:
        """Return the key of every record."""
        return list(self.iterkeys())

    def values(self) -> list[bytes]:
        """Return the value of every record."""
        return list(self.itervalues())


class Reader64(Reader):
    """The reader of 64-bit files.  It reads 32-bit files, too, as `Reader` reads both."""


def _damage_as_os_error(items: "Callable[[], Iterable[Item]]") -> "Iterator[Item]":
    try:
        yield from items()
    except CdbFormatError as damage:
        raise DamagedFileError(damage.reason, offset=damage.offset) from damage
