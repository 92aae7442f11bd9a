"""Blocks of bytes as one stream: what all readers of cdbmake's text and of images in blocks use."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Protocol

    from typing_extensions import Buffer

    from ucspi.cdb._reader import Reader

    class Readable(Protocol):
        """A file opened for reading bytes."""

        def read(self, size: int, /) -> bytes:
            """Return at most ``size`` bytes, none at the end."""

    Source = Buffer | Readable | Iterable[Buffer]

BLOCK_SIZE = 65536  # bytes that are read at once; about so many are written at once


def blocks_of(source: "Reader | Source") -> "Iterator[bytes]":
    """Yield a source in blocks: a reader's image, bytes, an open file, or blocks themselves.

    Raises:
        TypeError: it is text, or yields text.
    """
    source = getattr(source, "view", source)  # a reader's image
    read = getattr(source, "read", None)
    if read is not None:
        # A file of text ends with another nothing, but its first block is refused.
        return iter(lambda: _block(read(BLOCK_SIZE)), b"")
    if isinstance(source, (bytes, bytearray, memoryview)):
        view = memoryview(source).cast("B")
        return (bytes(view[at : at + BLOCK_SIZE]) for at in range(0, len(view), BLOCK_SIZE))
    if isinstance(source, str):
        raise TypeError("a source of records is bytes, blocks of bytes or an open file, not str")
    return (_block(block) for block in source)  # type: ignore[union-attr]  # what is left of it


def _block(block: "Buffer") -> bytes:
    if type(block) is bytes:
        return block
    from ucspi.cdb._byteslike import to_bytes  # here, as programs read bytes

    return to_bytes(block, "source")


class BlockWindow:
    """A stream of blocks, with a window of bytes on it that grows as needed.

    ``window`` is used up to the offset ``at``; it ends at byte ``end`` of the stream.
    """

    __slots__ = ("_blocks", "at", "end", "window")

    def __init__(self, blocks: "Iterator[bytes]") -> None:
        self._blocks = blocks
        self.window = b""
        self.at = self.end = 0

    def fill(self, length: int) -> bool:
        """Read until the window has ``length`` bytes from ``at`` on; False if the stream ends before."""
        missing = length - (len(self.window) - self.at)
        if missing <= 0:
            return True
        pieces = [self.window[self.at :]]
        for block in self._blocks:
            pieces.append(block)
            self.end += len(block)
            missing -= len(block)
            if missing <= 0:
                break
        self.window = b"".join(pieces)
        self.at = 0
        return missing <= 0
