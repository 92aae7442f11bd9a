"""Building an image in the pure core: records stream out, the tables follow."""

from ucspi.cdb._format import BLOCK_SIZE, TABLES
from ucspi.cdb._key import to_bytes
from ucspi.cdb._layout import Layout, named
from ucspi.errors import CdbTooLargeError, ClosedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NoReturn

    from typing_extensions import Buffer


class Builder:
    """Turns records into the bytes of a cdb file, from the end of its header on.

    The header comes last, because it points at what was built: `finish` returns
    it, to be written at offset 0.
    """

    __slots__ = ("_block", "_count", "_layout", "_position", "_sink", "_tables")

    def __init__(self, sink: "Callable[[bytes], object]", *, format: str = "cdb") -> None:  # noqa: A002
        """Begin an empty image.

        Args:
            sink: is called with the bytes of the file in order, in blocks.
                When it raises, the builder is finished for good.
            format: ``cdb``, or ``cdb64`` for a file that may pass 4 GB.
        """
        self._sink: Callable[[bytes], object] | None = sink
        self._layout = named(format)
        self._block = bytearray()
        self._position = self._layout.header_size
        self._count = 0
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
        layout = self._layout
        end = self._position + layout.pair_size + len(key) + len(data)
        if end + (self._count + 1) * 2 * layout.pair_size > layout.file_max:
            raise CdbTooLargeError("a cdb file cannot pass 4 GB; a cdb64 file can")
        h = layout.hash(key)
        self._tables[h & 255] += layout.pair.pack(h, self._position)
        self._count += 1
        self._position = end
        self._block += layout.pair.pack(len(key), len(data))
        self._block += key
        if len(data) >= BLOCK_SIZE:  # not copied once more
            self._send()
            self._pass(data)
            return
        self._block += data
        if len(self._block) >= BLOCK_SIZE:
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
        header = bytearray()
        for number in range(TABLES):
            entries, self._tables[number] = self._tables[number], bytearray()
            slots = len(entries) // size * 2
            header += pair.pack(self._position, slots)
            self._position += slots * size
            self._block += self._table(entries, self._layout)
            if len(self._block) >= BLOCK_SIZE:
                self._send()
        self._send()
        self._sink = None
        return bytes(header)

    def close(self) -> None:
        """Give up: forget what was added; `add` and `finish` raise `ClosedError` from now on."""
        self._sink = None
        self._block.clear()
        self._tables.clear()

    def __reduce__(self) -> "NoReturn":
        """Refuse: two builders of one file would destroy each other's work."""
        raise TypeError("a cdb builder cannot be copied or pickled")

    def _send(self) -> None:
        block, self._block = self._block, bytearray()
        if block:
            self._pass(bytes(block))

    def _pass(self, block: bytes) -> None:
        if self._sink is None:
            raise ClosedError("the cdb builder is finished")
        sink, self._sink = self._sink, None  # stays so if the sink raises
        sink(block)
        if not self._tables:  # closed by its own sink
            raise ClosedError("the cdb builder is finished")
        self._sink = sink

    @staticmethod
    def _table(entries: bytearray, layout: Layout) -> bytearray:
        """Return a hash table: entries in the order added, each in the first free slot."""
        pair, size = layout.pair, layout.pair_size
        table = bytearray(len(entries) * 2)
        slots = len(table) // size
        empty = bytes(size // 2)
        slot, before = 0, None
        for h, position in pair.iter_unpack(entries):
            # A hash seen just before goes on where that one ended, or many
            # records under one key would cost the square of their number.
            if h != before:
                slot, before = (h >> 8) % slots * size, h
            while table[slot + size // 2 : slot + size] != empty:
                slot = (slot + size) % len(table)
            pair.pack_into(table, slot, h, position)
        return table
