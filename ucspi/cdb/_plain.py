"""The C core through plain cffi calls: for Pythons without CPython's C API.

The classes are the pure core's; what searches, walks, builds a table or checks
is one call into C.  cffi releases the GIL for it, so another thread may close
the reader meanwhile: a local ``view`` keeps the image where it is.
"""

from itertools import accumulate
from struct import Struct

from ucspi.cdb import _builder, _pure
from ucspi.cdb._format import BAD_FORMAT
from ucspi.cdb._key import to_bytes
from ucspi.cdb._layout import CDB, CDB64, CDBLIB64, Layout
from ucspi.cdb._native import ffi, lib
from ucspi.errors import CdbFormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, Self

    from typing_extensions import Buffer

FOUND, MALFORMED = 1, 2  # enum ucdb_status
FORMATS = (CDB, CDB64, CDBLIB64)  # enum ucdb_format
ASK_FIND = 1  # what ucdb_get returns when one integer cannot tell


def hash(key: "Buffer") -> int:
    """Return the cdb hash of a key: 32 bits, unsigned."""
    key = to_bytes(key)
    return int(lib.ucdb_hash(key, len(key)))


def hash64(key: "Buffer") -> int:
    """Return the cdb64 hash of a key: 64 bits, unsigned."""
    key = to_bytes(key)
    return int(lib.ucdb_hash64(key, len(key)))


def _recognise(view: memoryview) -> Layout:
    with ffi.from_buffer(view) as held:
        number = lib.ucdb_recognise(held, len(view))
    if number == len(FORMATS):
        raise CdbFormatError(BAD_FORMAT, offset=0)
    return FORMATS[number]


def _damage(fault: "Any") -> CdbFormatError:
    return CdbFormatError(ffi.string(lib.ucdb_damage_text(fault.damage)).decode(), offset=fault.offset)


class Image(_pure.Image):
    """The bytes of a whole cdb file, and the ways to find records in them."""

    __slots__ = ("_image",)
    _image: "Any"  # struct ucdb_image *; what it points to stays as long as the view

    _recognise = staticmethod(_recognise)

    def __new__(cls, buffer: "Buffer", *, format: "str | None" = None) -> "Self":  # noqa: A002
        """Look at ``buffer`` without copying it; as in the pure core."""
        self = super().__new__(cls, buffer, format=format)
        view = self._open()
        # Held no longer than this: the garbage collector crashes on a memoryview
        # in a reference loop that has a buffer taken (python/cpython#77894).
        with ffi.from_buffer(view) as held:
            base = ffi.cast("unsigned char *", held)
            number = FORMATS.index(self._layout)
            self._image = ffi.new("struct ucdb_image *", (base, len(view), number))
        return self

    def get(self, key: "Buffer", /, default: object = None) -> "Any":
        """Return a copy of the first record's data under ``key``, else ``default``."""
        if type(key) is not bytes:
            key = to_bytes(key)
        view = self._open()
        place = lib.ucdb_get(self._image, key, len(key))
        if place == ASK_FIND:
            return super().get(key, default)
        position = place >> 32
        return view[position : position + (place & 0xFFFFFFFF)].tobytes() if place else default

    def get_many(self, keys: "Iterable[Buffer]", default: object = None) -> "list[Any]":
        """Return what `get` returns for each key, in the order of the keys, and sooner."""
        wanted = [to_bytes(key) for key in keys]
        view = self._open()
        ends = Struct(f"={len(wanted)}Q").pack(*accumulate(map(len, wanted)))
        places = ffi.new("uint64_t[]", 2 * len(wanted))
        fault = ffi.new("struct ucdb_fault *")
        joined = ffi.from_buffer(b"".join(wanted))
        ends_held = ffi.from_buffer("uint64_t[]", ends)
        if lib.ucdb_find_many(self._image, joined, ends_held, len(wanted), places, fault) == MALFORMED:
            raise _damage(fault)
        return [
            view[position : position + length].tobytes() if position else default
            for position, length in Struct("=QQ").iter_unpack(ffi.buffer(places))
        ]

    def check(self, *, allow_removed: bool = True) -> CdbFormatError | None:
        """Return the first damage of the whole image, or None; it is not raised."""
        view = self._open()  # noqa: F841 - kept
        fault = ffi.new("struct ucdb_fault *")
        scratch = ffi.new("unsigned char[]", lib.ucdb_check_scratch(self._image))
        lib.ucdb_check(self._image, scratch, allow_removed, fault)
        return _damage(fault) if fault.damage else None

    def _locate(self, key: "Buffer") -> "Iterator[tuple[int, int]]":
        key = to_bytes(key)
        self._open()
        return self._find_each(key)

    def _find_each(self, key: bytes) -> "Iterator[tuple[int, int]]":
        cursor = ffi.new("struct ucdb_cursor *")
        data, fault = ffi.new("struct ucdb_span *"), ffi.new("struct ucdb_fault *")
        view = self._open()
        while status := lib.ucdb_find(self._image, cursor, key, len(key), data, fault):
            if status == MALFORMED:
                raise _damage(fault)
            yield data.pos, data.len
            view = self._open()  # noqa: F841 - kept

    def _walk(self) -> "Iterator[tuple[int, int, int]]":
        walker, record = ffi.new("struct ucdb_walker *"), ffi.new("struct ucdb_record *")
        fault = ffi.new("struct ucdb_fault *")
        view = self._open()
        while status := lib.ucdb_walk(self._image, walker, record, fault):
            if status == MALFORMED:
                raise _damage(fault)
            yield record.key.pos, record.data.pos, record.data.pos + record.data.len
            view = self._open()  # noqa: F841 - kept


class Builder(_builder.Builder):
    """Turns records into the bytes of a cdb file, from offset 2048 on."""

    __slots__ = ()

    @staticmethod
    def _table(entries: bytearray, layout: Layout) -> bytearray:
        table = bytearray(len(entries) * 2)
        count = len(entries) // layout.pair_size
        lib.ucdb_table(ffi.from_buffer(entries), count, ffi.from_buffer(table), FORMATS.index(layout))
        return table
