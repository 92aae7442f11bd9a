"""Lines and fields as awk sees them, in bytes."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def lines(blocks: "Iterable[bytes]") -> "Iterator[bytes]":
    """Yield each line without its newline; the last one may lack it."""
    pieces: list[bytes] = []  # of a line that is not whole yet
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
    """Split a line at runs of blanks and tabs, and at nothing else that Python takes for space."""
    return [field for field in line.replace(b"\t", b" ").split(b" ") if field]
