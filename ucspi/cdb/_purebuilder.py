"""Building an image in the pure core: records are sent at once, the tables at the end."""

from ucspi.cdb._byteslike import to_bytes
from ucspi.cdb._hashmany import hash_many
from ucspi.cdb.layout import TABLES, named
from ucspi.errors import CdbTooLargeError, ClosedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NoReturn

    from typing_extensions import Buffer

BLOCK_SIZE = 65536  # bytes; records are handed to the sink in blocks of about this size


class Builder:
    """Turns records into the bytes of a cdb file.

    The sink gets everything behind the header.  The header is known last, as it
    points at the tables: `finish` returns it, and the caller writes it at offset 0.
    """

    __slots__ = (
        "_keys",
        "_layout",
        "_parts",
        "_position",
        "_positions",
        "_room",
        "_sink",
        "_start",
        "_tables",
    )

    def __init__(self, sink: "Callable[[bytes], object]", *, format: str = "cdb") -> None:  # noqa: A002
        """Start an empty image.

        Args:
            sink: called with the bytes of the file behind the header, in order,
                in blocks.  If it raises, the builder cannot be used any more.
            format: ``cdb``, or ``cdb64`` for a file that may become larger than 4 GB.

        Raises:
            ValueError: there is no such format.
        """
        self._sink: Callable[[bytes], object] | None = sink
        self._layout = named(format)
        self._position = self._start = self._layout.header_size
        self._room = self._layout.file_max - self._layout.header_size
        # The current block, from `_start` on: its parts, and the keys and positions of
        # its records.  All keys of a block are hashed together.
        self._parts: list[bytes | bytearray] = []
        self._keys: list[bytes] = []
        self._positions: list[int] = []
        # The slots of each table in the order added: 8 or 16 bytes for each record.
        self._tables = [bytearray() for _ in range(TABLES)]

    def add(self, key: "Buffer", data: "Buffer", /) -> None:
        """Append a record.  Records under one key are found in the order added.

        Raises:
            CdbTooLargeError: the file would become larger than 4 GB.  This
                record is not added; the builder can still be finished.
            ClosedError: the builder was finished or closed, or its sink failed.
            TypeError: key or data is not bytes-like.
        """
        if type(key) is not bytes:
            key = to_bytes(key)
        if type(data) is not bytes:
            data = to_bytes(data, "data")
        if self._sink is None:
            raise ClosedError("the cdb builder is finished")
        layout, position = self._layout, self._position
        size = layout.pair_size + len(key) + len(data)
        taken = size + 2 * layout.pair_size  # its two slots too
        if taken > self._room:
            raise CdbTooLargeError("a cdb file cannot pass 4 GB; a cdb64 file can")
        self._room -= taken
        self._position = end = position + size
        self._keys.append(key)
        self._positions.append(position)
        self._parts += (layout.pair.pack(len(key), len(data)), key)
        if len(data) >= BLOCK_SIZE:  # it is sent without being copied
            self._send()
            self._pass(data)
            return
        self._parts.append(data)
        if end - self._start >= BLOCK_SIZE:
            self._send()

    def update(self, pairs: "Iterable[tuple[Buffer, Buffer]]", /) -> None:
        """Append many records, given as an iterable of (key, data).

        Raises what `add` raises; the records before the refused one are added.
        """
        add = self.add
        for key, data in pairs:
            add(key, data)

    @property
    def header_size(self) -> int:
        """Length of the header in bytes, and so the position of the first record."""
        return self._layout.header_size

    def add_block(self, block: "Buffer", /) -> None:
        """Append records that are in a block as in a cdb file, one directly after another.

        A record is the length of the key and the length of the data, as numbers
        of the format, then the key and the data.

        Raises:
            ValueError: the last record crosses the end of the block.
            CdbTooLargeError, ClosedError: as `add`.

        The records before the refused one are added.
        """
        if self._sink is None:
            raise ClosedError("the cdb builder is finished")
        pair = self._layout.pair
        view = memoryview(to_bytes(block, "block"))
        at = 0
        while at < len(view):
            start = at + pair.size
            key_length, length = pair.unpack_from(view, at) if start <= len(view) else (0, 0)
            middle = start + key_length
            at = middle + length
            if at > len(view):
                raise ValueError("a record crosses the end of its block")
            self.add(view[start:middle], view[middle:at])

    def finish(self) -> bytes:
        """Send the rest of the records and the tables; return the header.

        Raises:
            ClosedError: the builder was finished or closed, or its sink failed.
        """
        if self._sink is None:
            raise ClosedError("the cdb builder is finished")
        pair, size = self._layout.pair, self._layout.pair_size
        self._add_slots()
        header = bytearray()
        for number in range(TABLES):
            entries, self._tables[number] = self._tables[number], bytearray()
            slots = len(entries) // size * 2
            header += pair.pack(self._position, slots)
            self._position += slots * size
            self._parts.append(self._layout.fill_table(pair.iter_unpack(entries), slots // 2))
            if self._position - self._start >= BLOCK_SIZE:
                self._send()
        self._send()
        self._sink = None
        return bytes(header)

    def close(self) -> None:
        """Drop what was added; from now on `add` and `finish` raise `ClosedError`."""
        self._sink = None
        self._parts.clear()
        self._keys.clear()
        self._positions.clear()
        self._tables.clear()

    def __reduce__(self) -> "NoReturn":
        """Raise TypeError: two builders of one file would destroy each other's work."""
        raise TypeError("a cdb builder cannot be copied or pickled")

    def _add_slots(self) -> None:
        """Add a slot for each key of the current block to its table."""
        tables, pack = self._tables, self._layout.pair.pack
        hashes = hash_many(self._keys, self._layout.hash_bits)
        for h, position in zip(hashes, self._positions, strict=True):
            tables[h & 255] += pack(h, position)
        self._keys.clear()
        self._positions.clear()

    def _send(self) -> None:
        self._add_slots()
        parts, self._parts, self._start = self._parts, [], self._position
        block = b"".join(parts)
        if block:
            self._pass(block)

    def _pass(self, block: bytes) -> None:
        if self._sink is None:
            raise ClosedError("the cdb builder is finished")
        sink, self._sink = self._sink, None  # it stays None if the sink raises
        sink(block)
        if not self._tables:  # closed by its own sink
            raise ClosedError("the cdb builder is finished")
        self._sink = sink
