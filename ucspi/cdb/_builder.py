"""Building an image in the pure core: records stream out, the tables follow."""

from ucspi.cdb._format import BLOCK_SIZE, FILE_MAX, HEADER_SIZE, PAIR_SIZE, SLOTS_SIZE, TABLES
from ucspi.cdb._key import to_bytes
from ucspi.cdb._pure import PAIR, hash
from ucspi.errors import CdbTooLargeError, ClosedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer


class Builder:
    """Turns records into the bytes of a cdb file, from offset 2048 on.

    The header comes last, because it points at what was built: `finish` returns
    it, to be written at offset 0.
    """

    __slots__ = ("_block", "_count", "_position", "_sink", "_tables")

    def __init__(self, sink: "Callable[[bytes], object]") -> None:
        """Begin an empty image.

        Args:
            sink: is called with the bytes of the file in order, in blocks.
                When it raises, the builder is finished for good.
        """
        self._sink: Callable[[bytes], object] | None = sink
        self._block = bytearray()
        self._position = HEADER_SIZE
        self._count = 0
        # One list of slots per table: 8 bytes per record, never the data.
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
        end = self._position + PAIR_SIZE + len(key) + len(data)
        if end + (self._count + 1) * SLOTS_SIZE > FILE_MAX:
            raise CdbTooLargeError("a cdb file cannot pass 4 GB")
        h = hash(key)
        self._tables[h & 255] += PAIR.pack(h, self._position)
        self._count += 1
        self._position = end
        self._block += PAIR.pack(len(key), len(data))
        self._block += key
        if len(data) >= BLOCK_SIZE:  # not copied once more
            self._send()
            self._pass(data)
            return
        self._block += data
        if len(self._block) >= BLOCK_SIZE:
            self._send()

    def finish(self) -> bytes:
        """Send the rest of the records and the tables; return the 2048-byte header.

        Raises:
            ClosedError: the builder was finished, or its sink failed.
        """
        if self._sink is None:
            raise ClosedError("the cdb builder is finished")
        header = bytearray()
        for number in range(TABLES):
            entries, self._tables[number] = self._tables[number], bytearray()
            slots = len(entries) // PAIR_SIZE * 2
            header += PAIR.pack(self._position, slots)
            self._position += slots * PAIR_SIZE
            self._block += self._table(entries)
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
    def _table(entries: bytearray) -> bytearray:
        """Return a hash table: entries in the order added, each in the first free slot."""
        table = bytearray(len(entries) * 2)
        slots = len(table) // PAIR_SIZE
        slot, before = 0, None
        for h, position in PAIR.iter_unpack(entries):
            # A hash seen just before goes on where that one ended, or many
            # records under one key would cost the square of their number.
            if h != before:
                slot, before = (h >> 8) % slots * PAIR_SIZE, h
            while table[slot + 4 : slot + PAIR_SIZE] != b"\0\0\0\0":
                slot = (slot + PAIR_SIZE) % len(table)
            PAIR.pack_into(table, slot, h, position)
        return table
