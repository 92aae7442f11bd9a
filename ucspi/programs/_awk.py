"""Splits input into lines and fields as awk does, in bytes."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def lines(blocks: "Iterable[bytes]") -> "Iterator[bytes]":
    """Yield each line without its newline; the last one may lack it."""
    pieces: list[bytes] = []  # of a line that has not ended yet
    for block in blocks:
        first, *others = block.split(b"\n")
        pieces.append(first)
        if others:
            yield b"".join(pieces)
            yield from others[:-1]
            pieces = [others[-1]]
    last = b"".join(pieces)
    if last:
        yield last


def fields(line: bytes) -> list[bytes]:
    """Split a line at blanks and tabs only; `bytes.split` would split at other white space, too."""
    return [field for field in line.replace(b"\t", b" ").split(b" ") if field]
