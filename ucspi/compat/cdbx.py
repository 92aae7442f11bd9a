"""The interface of cdbx 0.3.0.

    from ucspi.compat.cdbx import CDB

    maker = CDB.make("people.cdb")
    maker.add("one", b"Hello")
    people = maker.commit()
    people.get("one")

As in the original, a key or value given as text is encoded as latin-1, methods
return bytes, and errors are OSErrors.  Different on purpose:

- With a path, a maker writes a temporary file, which `commit` renames.  Until then
  readers see the old file, and `close` does not touch it.  The original empties
  the file at once, which kills processes that have it mapped.
- Anything bytes-like may be a key or a value.
- Damage is always an error; a file shorter than its header cannot be opened.
"""

import os
from mmap import ACCESS_READ
from mmap import mmap as map_file

from ucspi import cdb
from ucspi.compat._errors import ClosedFileError, as_os_error
from ucspi.compat._inplace import InPlaceWriter
from ucspi.errors import CdbFormatError, ClosedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, Literal, Protocol, TypeVar, overload

    from typing_extensions import Buffer

    class HasFileno(Protocol):
        """An open file."""

        def fileno(self) -> int: ...
        def close(self) -> object: ...

    Text = str | Buffer
    File = str | bytes | os.PathLike[str] | os.PathLike[bytes] | HasFileno | int
    Item = TypeVar("Item")
    Default = TypeVar("Default")

__all__ = ["CDB", "CDBMaker"]


class CDB:
    """A cdb file open for reading."""

    __slots__ = ("__weakref__", "_fd", "_get", "_reader", "_release")

    def __init__(self, file: "File", close: bool | None = None, mmap: bool | None = None) -> None:
        """Open a cdb file.

        Args:
            file: a path, an open file or a descriptor.
            close: whether `close` also closes a given file or descriptor.
            mmap: True maps the file or fails, False reads it into memory, None
                maps it if that is possible.

        Raises:
            OSError: it cannot be opened, or is shorter than a header.
        """
        self._release: Callable[[], object] | None = None
        mmap = _truth(mmap)
        self._fd, self._release = _descriptor(file, close, os.O_RDONLY)
        try:
            self._reader = _read(self._fd, mmap)
        except CdbFormatError as error:
            raise as_os_error(error) from error
        self._get = self._reader.get

    @classmethod
    def make(cls, file: "File", close: bool | None = None, mmap: bool | None = None) -> "CDBMaker":
        """Start a cdb file; `CDBMaker.commit` opens it with the same arguments.

        Raises:
            OSError: it cannot be created.
        """
        return CDBMaker(cls, file, close, mmap)

    if TYPE_CHECKING:

        @overload
        def get(self, key: Text, default: None = None, all: Literal[False] = False) -> bytes | None: ...
        @overload
        def get(self, key: Text, default: Default, all: Literal[False] = False) -> bytes | Default: ...
        @overload
        def get(self, key: Text, default: None = None, *, all: Literal[True]) -> list[bytes] | None: ...
        @overload
        def get(self, key: Text, default: Default, all: Literal[True]) -> list[bytes] | Default: ...

    def get(self, key: "Text", default: object = None, all: bool = False) -> "Any":  # noqa: A002 - its name
        """Return the first value of ``key``, or with ``all`` a list of all; ``default`` if there is none."""
        if type(key) is not bytes:
            key = _encoded(key)
        try:
            if all:
                return list(self._reader.get_all(key)) or default
            return self._get(key, default)
        except (CdbFormatError, ClosedError) as error:
            raise as_os_error(error) from error

    def __getitem__(self, key: "Text") -> bytes:
        """Return the first value of ``key``, or raise `KeyError`."""
        try:
            return self._reader[key if type(key) is bytes else _encoded(key)]
        except KeyError:
            raise KeyError(key) from None
        except (CdbFormatError, ClosedError) as error:
            raise as_os_error(error) from error

    def __contains__(self, key: "Text") -> bool:
        """Return whether there is a record with key ``key``."""
        try:
            return (key if type(key) is bytes else _encoded(key)) in self._reader
        except (CdbFormatError, ClosedError) as error:
            raise as_os_error(error) from error

    def has_key(self, key: "Text", /) -> bool:
        """Return whether there is a record with key ``key``."""
        return key in self

    def __len__(self) -> int:
        """Count the distinct keys, by reading through the file."""
        return sum(1 for _ in self)

    def __iter__(self) -> "Iterator[bytes]":
        """Yield each distinct key once, in the order first added."""
        return self._iterate(lambda: self._reader)

    def keys(self, all: bool = False) -> "Iterator[bytes]":  # noqa: A002 - its name
        """Yield each distinct key once, or with ``all`` the key of every record."""
        if all:
            return self._iterate(lambda: (key for key, _ in self._reader.records()))
        return iter(self)

    def items(self, all: bool = False) -> "Iterator[tuple[bytes, bytes]]":  # noqa: A002 - its name
        """Yield each distinct key with its first value, or with ``all`` every record."""
        return self._iterate(self._reader.records if all else self._reader.items)

    def fileno(self) -> int:
        """Return the descriptor of the file."""
        if self._reader.closed:
            raise ClosedFileError
        return self._fd

    def close(self) -> None:
        """Close the reader, and the file if we opened it or were told to; a second call does nothing."""
        release, self._release = self._release, None
        self._reader.close()
        if release is not None:
            release()

    def __del__(self) -> None:
        """Close the file, unless opening it failed or it is not ours to close."""
        release = getattr(self, "_release", None)
        if release is not None:
            self._release = None
            release()

    def _iterate(self, items: "Callable[[], Iterable[Item]]") -> "Iterator[Item]":
        if self._reader.closed:
            raise ClosedFileError
        return _translated(items)


class CDBMaker:
    """Makes a cdb file; `CDB.make` returns one."""

    __slots__ = ("__weakref__", "_add", "_arguments", "_kind", "_release", "_writer")

    def __init__(self, kind: type[CDB], file: "File", close: bool | None, mmap: bool | None) -> None:
        """Start a file; `commit` returns ``kind(file, close, mmap)``."""
        self._writer: cdb.Writer | InPlaceWriter | None = None
        self._release: Callable[[], object] | None = None
        close, mmap = _truth(close), _truth(mmap)  # may raise, so before the file is emptied
        if _is_path(file):
            self._writer = cdb.create(file, mode=0o666)  # type: ignore[arg-type]  # a path
        else:
            fd, self._release = _descriptor(file, close, os.O_RDWR)
            self._writer = InPlaceWriter(fd)
        self._add = self._writer.add
        self._kind, self._arguments = kind, (file, close, mmap)

    def add(self, key: "Text", value: "Text") -> None:
        """Append a record; after any error the maker is closed and the file given up.

        Raises:
            OSError: the maker is closed, or writing failed.
            TypeError, UnicodeEncodeError: the key or the value cannot be stored.
        """
        try:
            self._add(
                key if type(key) is bytes else _encoded(key),
                value if type(value) is bytes else _encoded(value),
            )
        except ClosedError as error:
            raise as_os_error(error) from error
        except Exception:
            self.close()
            raise

    def commit(self) -> CDB:
        """Finish the file, and return it open for reading; this closes the maker.

        Raises:
            OSError: the maker is closed, or the file cannot be finished.
        """
        writer = self._open()
        try:
            writer.publish()
        except Exception:
            self.close()
            raise
        self._writer = self._release = None  # the CDB closes the file
        return self._kind(*self._arguments)

    def fileno(self) -> int:
        """Return the descriptor of the file that is being written."""
        return self._open().fileno()

    def close(self) -> None:
        """Give the file up unless it was committed; a second call does nothing."""
        writer, self._writer = self._writer, None
        release, self._release = self._release, None
        if writer is not None:
            writer.discard()
        if release is not None:
            release()

    def __del__(self) -> None:
        """Remove the temporary file; a file that was given may be closed by now, so it is not touched."""
        writer = getattr(self, "_writer", None)  # missing if opening failed
        if isinstance(writer, cdb.Writer):
            writer.discard()

    def _open(self) -> "cdb.Writer | InPlaceWriter":
        if self._writer is None:
            raise ClosedFileError
        return self._writer


def _truth(choice: "Any") -> bool | None:
    return None if choice is None else bool(choice)


def _encoded(text: "Text") -> "Buffer":
    return text.encode("latin-1") if isinstance(text, str) else text


def _translated(items: "Callable[[], Iterable[Item]]") -> "Iterator[Item]":
    """Yield items; raise our errors as OSErrors."""
    try:
        yield from items()
    except (CdbFormatError, ClosedError) as error:
        raise as_os_error(error) from error


def _is_path(file: "File") -> bool:
    return not isinstance(file, int) and not hasattr(file, "fileno")


def _descriptor(file: "Any", close: bool | None, flags: int) -> "tuple[int, Callable[[], object] | None]":
    """Return the descriptor of a file, and a function that closes it if that is our task."""
    if _is_path(file):
        fd = os.open(file, flags | os.O_CLOEXEC)
        return fd, lambda: os.close(fd)
    if isinstance(file, int):
        if file < 0:  # the original's kind of error
            raise OverflowError(f"a descriptor is no negative number like {file}")
        return file, (lambda: os.close(file)) if close else None
    return file.fileno(), file.close if close else None


def _read(fd: int, mmap: bool | None) -> cdb.Reader:
    if mmap and os.fstat(fd).st_size:
        return cdb.Reader(map_file(fd, 0, access=ACCESS_READ))  # raises if it cannot be mapped
    return cdb.open(fd, mmap=mmap is not False)
