"""Building an image in the pure core: records stream out, the tables follow."""

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
    """Turns records into the bytes of a cdb file, from the end of its header on.

    The header comes last, because it points at what was built: `finish` returns
    it, to be written at offset 0.
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
        """Begin an empty image.

        Args:
            sink: is called with the bytes of the file in order, in blocks.
                When it raises, the builder is finished for good.
            format: ``cdb``, or ``cdb64`` for a file that may pass 4 GB.
        """
        self._sink: Callable[[bytes], object] | None = sink
        self._layout = named(format)
        self._position = self._start = self._layout.header_size
        self._room = self._layout.file_max - self._layout.header_size
        # The block from `_start` on: its parts, and the keys and positions in it,
        # which are hashed together.
        self._parts: list[bytes | bytearray] = []
        self._keys: list[bytes] = []
        self._positions: list[int] = []
        # One list of slots per table: 8 or 16 bytes per record, never the data.
        self._tables = [bytearray() for _ in range(TABLES)]

    def add(self, key: "Buffer", data: "Buffer", /) -> None:
        """Append a record; the order added is the order found.

        Raises:
            CdbTooLargeError: the file would pass 4 GB.  Nothing of this record
                was added; the builder can still be finished.
            ClosedError: the builder was finished, or its sink failed.
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
        if len(data) >= BLOCK_SIZE:  # not copied once more
            self._send()
            self._pass(data)
            return
        self._parts.append(data)
        if end - self._start >= BLOCK_SIZE:
            self._send()

    def update(self, pairs: "Iterable[tuple[Buffer, Buffer]]", /) -> None:
        """Append many records: any iterable of (key, data), consumed once.

        Raises as `add` does; the records before the refused one are added.
        """
        add = self.add
        for key, data in pairs:
            add(key, data)

    @property
    def header_size(self) -> int:
        """Length of the header in bytes: where the records begin."""
        return self._layout.header_size

    def add_block(self, block: "Buffer", /) -> None:
        """Append records that stand one after another as in a cdb file.

        Each is the length of the key and of the data, as the format has them,
        then key and data.

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
            ClosedError: the builder was finished, or its sink failed.
        """
        if self._sink is None:
            raise ClosedError("the cdb builder is finished")
        pair, size = self._layout.pair, self._layout.pair_size
        self._file()
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
        """Give up: forget what was added; `add` and `finish` raise `ClosedError` from now on."""
        self._sink = None
        self._parts.clear()
        self._keys.clear()
        self._positions.clear()
        self._tables.clear()

    def __reduce__(self) -> "NoReturn":
        """Refuse: two builders of one file would destroy each other's work."""
        raise TypeError("a cdb builder cannot be copied or pickled")

    def _file(self) -> None:
        """Put the slots of the keys in this block into their tables."""
        tables, pack = self._tables, self._layout.pair.pack
        hashes = hash_many(self._keys, self._layout.hash_bits)
        for h, position in zip(hashes, self._positions, strict=True):
            tables[h & 255] += pack(h, position)
        self._keys.clear()
        self._positions.clear()

    def _send(self) -> None:
        self._file()
        parts, self._parts, self._start = self._parts, [], self._position
        block = b"".join(parts)
        if block:
            self._pass(block)

    def _pass(self, block: bytes) -> None:
        if self._sink is None:
            raise ClosedError("the cdb builder is finished")
        sink, self._sink = self._sink, None  # stays so if the sink raises
        sink(block)
        if not self._tables:  # closed by its own sink
            raise ClosedError("the cdb builder is finished")
        self._sink = sink
