"""Searching an image in the pure core, with the same steps as in the C core.

Every position that is read from the image is compared with its size before it
is used, and a search passes each slot of a table at most once.  So damage always
ends in a `CdbFormatError`.
"""

from ucspi.cdb._byteslike import bytes_under, to_bytes
from ucspi.cdb._check import check
from ucspi.cdb._hash import HASHES
from ucspi.cdb._imagefault import BAD_RECORD, BAD_SLOT, BAD_TABLE, SHORT_HEADER
from ucspi.cdb._recogniseformat import recognise
from ucspi.cdb._walk import walk
from ucspi.cdb.layout import Layout, named
from ucspi.errors import CdbFormatError, ClosedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, Self, TypeVar, overload

    from typing_extensions import Buffer

    Default = TypeVar("Default")

CLOSED = "the cdb reader is closed"


class Image:
    """The bytes of a whole cdb file, and the ways to find records in them."""

    __slots__ = ("_bytes", "_hash", "_layout", "_tables", "_view")
    _layout: Layout
    _hash: "Callable[[Buffer], int]"
    _tables: "list[tuple[int, ...]]"
    _view: "memoryview | None"
    _bytes: "bytes | memoryview | None"  # the same bytes, in the form that is faster to slice

    def __new__(cls, buffer: "Buffer", *, format: "str | None" = None) -> "Self":  # noqa: A002
        """Read ``buffer``, which is not copied.

        Args:
            buffer: any bytes-like object: bytes, a map of a file, a memoryview.
                It must not change while it is read.
            format: ``cdb``, ``cdb64`` or ``cdblib64``; None finds it out.

        Raises:
            CdbFormatError: it is shorter than a header, or fits no format.
            ValueError: there is no such format.
        """
        view = memoryview(buffer).toreadonly()
        if view.format != "B" or view.ndim != 1:
            view = view.cast("B")
        layout = recognise(view) if format is None else named(format)
        if len(view) < layout.header_size:
            raise CdbFormatError(SHORT_HEADER, offset=len(view))
        self = super().__new__(cls)
        self._layout, self._view, self._bytes = layout, view, bytes_under(view)
        self._hash = HASHES[layout.hash_bits]
        self._tables = list(layout.pointers(view))
        return self

    @property
    def format(self) -> str:
        """The format: ``cdb``, ``cdb64``, or ``cdblib64`` for pure-cdb's files over 4 GB."""
        return self._layout.name

    @property
    def view(self) -> memoryview:
        """The image as a read-only memoryview, which stays valid after `close`."""
        return memoryview(self._open())

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._view is None

    def close(self) -> None:
        """Close the reader; a second call does nothing.

        A mapped file stays mapped until the last view of it is gone.
        """
        self._view = self._bytes = None

    if TYPE_CHECKING:

        @overload
        def get(self, key: Buffer, /, default: None = None) -> bytes | None: ...
        @overload
        def get(self, key: Buffer, /, default: Default) -> bytes | Default: ...

    def get(self, key: "Buffer", /, default: object = None) -> object:
        """Return a copy of the first record's data under ``key``, else ``default``.

        Args:
            key: any length, also empty; compared byte for byte.
            default: returned if there is no such record.

        Raises:
            CdbFormatError: something on the way to the record is damaged.
            ClosedError: the reader was closed.
            TypeError: the key is not bytes-like.
        """
        if type(key) is not bytes:
            key = to_bytes(key)
        image, layout = self._bytes, self._layout
        if image is None:
            raise ClosedError(CLOSED)
        h = self._hash(key)
        table, slots = self._tables[h & 255]
        if not slots:
            return default
        unpack, size, file_size = layout.unpack, layout.pair_size, len(image)
        end = table + slots * size
        slot = first = table + (h >> 8) % slots * size
        while layout.header_size <= table and end <= file_size:
            stored, record = unpack(image, slot)
            if not record:
                return default
            if stored == h:
                if not layout.header_size <= record <= file_size - size:
                    break
                key_length, length = unpack(image, record)
                start = record + size
                position = start + key_length
                if position + length > file_size or image[start:position] != key:
                    break
                data = image[position : position + length]
                return data if type(data) is bytes else bytes(data)
            slot += size
            if slot == end:
                slot = table
            if slot == first:
                return default
        # Damage, or another key with the same hash.  Both are rare; `_probe` handles them.
        for position, length in self._probe(key, h):
            return bytes(image[position : position + length])
        return default

    def __getitem__(self, key: "Buffer", /) -> bytes:
        """Return a copy of the first record's data under ``key``, or raise `KeyError`."""
        for position, length in self._locate(key):
            return self._open()[position : position + length].tobytes()
        raise KeyError(key)

    def __contains__(self, key: object, /) -> bool:
        """Return whether there is a record under ``key``; raises what `get` raises."""
        return self.find(key) is not None  # type: ignore[arg-type]  # a TypeError is the answer

    def find(self, key: "Buffer", /) -> tuple[int, int] | None:
        """Return position and length in bytes of the first record's data, None if there is no record.

        ``reader.view[position : position + length]`` is the data, not copied.
        Raises what `get` raises.
        """
        for found in self._locate(key):
            return found
        return None

    def get_all(self, key: "Buffer", /) -> "Iterator[bytes]":
        """Yield the data of every record under ``key``, in the order added.

        Args:
            key: any length, also empty; compared byte for byte.

        Yields:
            A copy of each record's data, which stays valid after `close`.

        Raises:
            CdbFormatError: something on the way is damaged.  What was yielded
                before is sound.
            ClosedError: the reader was closed, at once or between two steps.

        Source: cr.yp.to/cdb/cdb.txt; duplicate keys are legal there.
        """
        return (
            self._open()[position : position + length].tobytes() for position, length in self._locate(key)
        )

    if TYPE_CHECKING:

        @overload
        def get_many(self, keys: Iterable[Buffer], default: None = None) -> list[bytes | None]: ...
        @overload
        def get_many(self, keys: Iterable[Buffer], default: Default) -> list[bytes | Default]: ...

    def get_many(self, keys: "Iterable[Buffer]", default: object = None) -> "list[Any]":
        """Return a list of what `get` returns for each key, in the order of the keys, in less time.

        Args:
            keys: any iterable, consumed before the first key is looked up; each
                key as for `get`.
            default: as for `get`.

        Raises:
            what `get` raises, for the first key that meets damage.
        """
        wanted = [to_bytes(key) for key in keys]
        self._open()
        return [self.get(key, default) for key in wanted]

    def records(self) -> "Iterator[tuple[bytes, bytes]]":
        """Yield key and data of every record, in the order added, duplicates too.

        Raises:
            CdbFormatError: a record crosses the end of the records.  What was
                yielded before is sound.
            ClosedError: the reader was closed, at once or between two steps.
        """
        return (
            (self._open()[start:middle].tobytes(), self._open()[middle:end].tobytes())
            for start, middle, end in self._walk()
        )

    def check(self, *, allow_removed: bool = True) -> CdbFormatError | None:
        """Check the whole image; return its first damage, or None.  Damage is not raised.

        An image is sound if each record can be found under its key, and every
        slot names a record.

        Args:
            allow_removed: whether records that ``cdb -c -0`` removed are
                allowed.  A hole in a file looks like such records.

        Raises:
            ClosedError: the reader was closed.
        """
        return check(self._open(), self._layout, allow_removed)

    def first_records(self) -> "Iterator[tuple[bytes, bytes]]":
        """Yield each distinct key with its first data, in the order first added.

        Raises what `records` raises.
        """
        for start, middle, end in self._walk():
            key = self._open()[start:middle].tobytes()
            first = self.find(key)
            if first is not None and first[0] == middle:
                yield key, self._open()[middle:end].tobytes()

    def __iter__(self) -> "Iterator[bytes]":
        """Yield each distinct key once, in the order first added; raises what `records` raises."""
        return (key for key, _ in self.first_records())

    def _open(self) -> memoryview:
        if self._view is None:
            raise ClosedError(CLOSED)
        return self._view

    def _locate(self, key: "Buffer") -> "Iterator[tuple[int, int]]":
        """Return an iterator over position and length of the data of each record under ``key``."""
        if type(key) is not bytes:
            key = to_bytes(key)
        self._open()
        return self._probe(key, self._hash(key))

    def _probe(self, key: bytes, h: int) -> "Iterator[tuple[int, int]]":
        view, layout = self._open(), self._layout
        unpack, size, header_size = layout.unpack, layout.pair_size, layout.header_size
        pointer = (h & 255) * size
        table, slots = unpack(view, pointer)
        if not slots:
            return
        end = table + slots * size
        if table < header_size or end > len(view):
            raise CdbFormatError(BAD_TABLE, offset=pointer)
        slot = table + (h >> 8) % slots * size
        for _ in range(slots):  # a damaged table may have no empty slot
            stored, record = unpack(view, slot)
            if not record:
                return
            if stored == h:
                if not header_size <= record <= len(view) - size:
                    raise CdbFormatError(BAD_SLOT, offset=slot)
                key_length, length = unpack(view, record)
                if key_length == len(key):
                    start = record + size
                    position = start + key_length
                    if position + length > len(view):
                        raise CdbFormatError(BAD_RECORD, offset=record)
                    if view[start:position].tobytes() == key:
                        yield position, length
                        view = self._open()  # may have been closed meanwhile
            slot += size
            if slot == end:
                slot = table

    def _walk(self) -> "Iterator[tuple[int, int, int]]":
        """Yield the positions of the key, of the data, and of the end of each record."""
        for _, key, data, end in walk(self._open(), self._layout):
            yield key, data, end
            self._open()  # raises if it was closed meanwhile
